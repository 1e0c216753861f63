"""Whether this buildpack takes a source: 0 yes, 100 no; the reason for no goes to the log."""

from __future__ import annotations

from pathlib import Path

import settings

OTHERS = {
    "go.mod": "Go",
    "package.json": "Node.js",
    "pom.xml": "Java",
    "build.gradle": "Java",
    "build.gradle.kts": "Java",
    "Cargo.toml": "Rust",
    "composer.json": "PHP",
    "Gemfile": "Ruby",
    "Dockerfile": "a Dockerfile",
}


PLAN = '[[provides]]\nname = "openfunction-python"\n\n[[requires]]\nname = "openfunction-python"\n'


def main(app: Path, *, platform: Path, plan: Path) -> int:
    """Detect; a Python file named by the user or main.py decides."""
    found = settings.read(platform)
    runtime = found.env.get("FUNC_RUNTIME", "python")
    language = next((name for file, name in OTHERS.items() if (app / file).exists()), "")
    python = (app / (found.source or "main.py")).exists() or any(app.glob("*.py"))
    if runtime != "python" or (language and not python):
        settings.Failure(
            "BuilderUnsupported",
            f"the source is {language or runtime}, and this platform builds Python; "
            "build the image elsewhere and give spec.image without spec.build, "
            "or use a cluster whose strategy builds it",
        ).report()
        return 100
    try:
        settings.source_file(app, found)
    except settings.Failure as failure:
        failure.report()
        return 100
    plan.write_text(PLAN)
    return 0
