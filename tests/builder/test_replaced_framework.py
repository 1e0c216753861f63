"""A source that asks for a published framework: ours is the one that runs, and the log of the build says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builder import workshop
from tests.builder.workshop import Workshop

pytestmark = pytest.mark.slow
FLASK = (
    "import flask\nimport functions_framework\n\n\n@functions_framework.http\ndef hello(request):\n"
    "    return flask.jsonify(same=request.args is flask.request.args)\n"
)
TELL = """\
import importlib.metadata as m, importlib.util as u, json, functions_framework as f
names = sorted(d.metadata["Name"].lower() for d in m.distributions())
print(json.dumps({"names": names, "has_loader": u.find_spec("functions_framework.loader") is not None,
    "owners": sorted(m.packages_distributions()["functions_framework"])}))
"""


def told(shop: Workshop, digest: str) -> dict[str, list[str]]:
    """Which distributions the image has, and whose `functions_framework` is."""
    found: dict[str, list[str]] = json.loads(workshop.answer(shop.unpack(digest), TELL))
    return found


@pytest.fixture
def other(tmp_path: Path) -> str:
    """A requirement on a package of the source that itself requires a published framework."""
    workshop.write(
        tmp_path / "source" / "kit",
        {
            "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            '[project]\nname = "shop-kit"\nversion = "1"\ndependencies = ["functions-framework>=3,<4"]\n',
            "shop_kit/__init__.py": "NAME = 'kit'\n",
        },
    )
    return "./kit"


@pytest.mark.parametrize(
    "asked",
    [
        "functions-framework==3.*\nflask==2.3.3\n",
        "ofn-functions-framework\n",
        "functions-framework==3.8.1 --hash=sha256:" + "0" * 64 + "\n",
        "git+https://example.invalid/x/functions-framework-python@main\n",
    ],
)
def test_ours_runs_where_another_framework_is_required(
    shop: Workshop, tmp_path: Path, capfd: pytest.CaptureFixture[str], asked: str
) -> None:
    digest = shop.built(workshop.write(tmp_path / "source", {"main.py": FLASK, "requirements.txt": asked}))
    log = capfd.readouterr().out
    found = told(shop, digest)
    assert found["has_loader"]
    assert found["owners"] == ["openfunction-functions-framework"]
    assert {"flask", "starlette", "cloudevents"} <= set(found["names"])
    assert not {"functions-framework", "ofn-functions-framework", "gunicorn"} & set(found["names"])
    said = [line for line in log.splitlines() if "is satisfied by openfunction-functions-framework" in line]
    assert len(said) == 1
    assert asked.splitlines()[0].partition(" --")[0] in said[0]


def test_ours_runs_where_a_package_requires_another_framework(
    shop: Workshop, tmp_path: Path, other: str, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {"main.py": FLASK, "requirements.txt": f"{other}\n"}
    found = told(shop, shop.built(workshop.write(tmp_path / "source", files)))
    assert found["owners"] == ["openfunction-functions-framework"]
    assert {"shop-kit", "flask"} <= set(found["names"])
    assert "functions-framework" not in found["names"]
    said = "functions-framework, which shop-kit requires, is satisfied by openfunction-functions-framework"
    assert said in capfd.readouterr().out.splitlines()
