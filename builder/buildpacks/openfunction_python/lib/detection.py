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
SUFFIXES = {
    ".go": "Go",
    ".js": "Node.js",
    ".cjs": "Node.js",
    ".mjs": "Node.js",
    ".ts": "Node.js",
    ".java": "Java",
    ".cs": ".NET",
    ".csproj": ".NET",
    ".rs": "Rust",
    ".php": "PHP",
    ".rb": "Ruby",
}

PLAN = '[[provides]]\nname = "openfunction-python"\n\n[[requires]]\nname = "openfunction-python"\n'


def main(app: Path, *, platform: Path, plan: Path) -> int:
    """Detect; a Python file named by the user or main.py decides."""
    found = settings.read(platform)
    runtime = found.env.get("FUNC_RUNTIME", "python")
    language = _other_language(app, found.source)
    if runtime != "python" or language:
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


def _other_language(app: Path, source: str) -> str:
    """The language of a source without Python, by the file that the user named or else by what lies in the folder."""
    if Path(source).suffix in SUFFIXES:
        return SUFFIXES[Path(source).suffix]
    if (app / (source or "main.py")).exists() or any(app.glob("*.py")):
        return ""
    told = (name for file, name in OTHERS.items() if (app / file).exists())
    written = (SUFFIXES[file.suffix] for file in sorted(app.iterdir()) if file.suffix in SUFFIXES)
    return next(told, "") or next(written, "")
