"""Sources from git: branches, tags, commits and sub paths, and git's own line when there is none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from openfunction_builder import reasons, request, sources
from tests.builder import workshop
from tests.builder.workshop import Workshop


@dataclass(frozen=True)
class Repository:
    """A repository with two versions of a file on main and a branch."""

    url: str
    first: str
    second: str


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """main has version 2 and the tag v1 version 1; the branch `side` has a file in a folder."""
    workshop.need("git")
    folder = workshop.write(tmp_path / "repository", {"main.py": "one\n"})
    workshop.git(folder, "init", "-q")
    workshop.git(folder, "add", ".")
    workshop.git(folder, "commit", "-q", "-m", "one")
    workshop.git(folder, "tag", "-a", "v1", "-m", "v1")
    first = workshop.git(folder, "rev-parse", "HEAD")
    workshop.write(folder, {"main.py": "two\n"})
    workshop.git(folder, "commit", "-q", "-am", "two")
    second = workshop.git(folder, "rev-parse", "HEAD")
    workshop.git(folder, "checkout", "-q", "-b", "side")
    workshop.write(folder, {"sub/main.py": "three\n"})
    workshop.git(folder, "add", ".")
    workshop.git(folder, "commit", "-q", "-m", "three")
    workshop.git(folder, "checkout", "-q", "main")
    return Repository(folder.as_uri(), first, second)


def fetched(shop: Workshop, url: str, revision: str, sub_path: str = "") -> tuple[Path, dict[str, str]]:
    """The source's folder and what was said of it."""
    into = shop.root / "got"
    shop.root.mkdir(exist_ok=True)
    asked = shop.asked(request.Source(git_url=url, git_revision=revision), sub_path=sub_path)
    found = sources.fetch(asked, shop.layout, into)
    return into, found["git"]


@pytest.mark.parametrize(
    ("revision", "content"), [("", "two\n"), ("main", "two\n"), ("v1", "one\n"), ("refs/tags/v1", "one\n")]
)
def test_a_branch_or_tag_is_fetched(
    shop: Workshop, repository: Repository, revision: str, content: str
) -> None:
    into, said = fetched(shop, repository.url, revision)
    assert (into / "main.py").read_text() == content
    assert said["commitSha"] == (repository.first if content == "one\n" else repository.second)
    assert said["commitAuthor"] == "Ada"
    assert not (into / ".git").exists()


@pytest.mark.parametrize("length", [40, 9])
def test_a_commit_is_fetched_whole_or_shortened(shop: Workshop, repository: Repository, length: int) -> None:
    into, said = fetched(shop, repository.url, repository.first[:length])
    assert (into / "main.py").read_text() == "one\n"
    assert said["commitSha"] == repository.first


def test_a_sub_path_of_a_branch_is_fetched(shop: Workshop, repository: Repository) -> None:
    into, _ = fetched(shop, repository.url, "side", "sub")
    assert (into / "main.py").read_text() == "three\n"


@pytest.mark.parametrize("revision", ["nope", "0123456789abcdef0123456789abcdef01234567"])
def test_a_revision_that_is_not_there_gives_gits_line(
    shop: Workshop, repository: Repository, revision: str
) -> None:
    with pytest.raises(reasons.BuildError, match=f"git could not get the source: .*{revision}") as caught:
        fetched(shop, repository.url, revision)
    assert caught.value.reason == "SourceNotFound"


def test_a_repository_that_is_not_there_gives_gits_line(shop: Workshop, tmp_path: Path) -> None:
    workshop.need("git")
    with pytest.raises(reasons.BuildError, match="does not appear to be a git repository") as caught:
        fetched(shop, (tmp_path / "gone").as_uri(), "main")
    assert caught.value.reason == "SourceNotFound"


@pytest.mark.parametrize(
    ("url", "revision"), [("--upload-pack=touch x", "main"), ("", "--upload-pack=touch x")]
)
def test_an_option_is_no_url_and_no_revision(
    shop: Workshop, repository: Repository, url: str, revision: str
) -> None:
    with pytest.raises(reasons.BuildError, match="begin with a dash"):
        fetched(shop, url or repository.url, revision)


def test_a_repository_named_by_the_environment_is_not_touched(
    shop: Workshop, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    into, _ = fetched(shop, repository.url, "main")
    assert (into / "main.py").read_text() == "two\n"
    assert not (tmp_path / "elsewhere").exists()
