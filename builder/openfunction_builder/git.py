"""What git does for builds: get a repository at a revision, and say which files of a folder are not ignored.

The user's own repositories are only read; no option, prompt or hook of theirs comes into play.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openfunction_builder import reasons, request

COMMIT = re.compile(r"[0-9a-f]{7,64}")
OF_ANOTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")


def get(source: request.Source, into: Path) -> Mapping[str, Any]:
    """Put a repository's files at a revision into a new folder; commit and author, for the result's `sources`.

    Raises:
        BuildError: SourceNotFound, with git's own line.
    """
    for value in (source.git_url, source.git_revision):
        if value.startswith("-"):
            raise reasons.BuildError(
                "SourceNotFound", f"{value!r} is no git URL or revision; it must not begin with a dash"
            )
    into.mkdir()
    _run(into, "init", "-q")
    _run(into, "remote", "add", "origin", source.git_url)
    _check_out(into, source.git_revision or "HEAD")
    if (into / ".gitmodules").exists():
        _run(into, "submodule", "update", "-q", "--init", "--recursive", "--depth=1")
    commit, author = _run(into, "log", "-1", "--format=%H%n%an").splitlines()[:2]
    for found in [*into.rglob(".git")]:
        shutil.rmtree(found) if found.is_dir() else found.unlink()
    return {
        "name": "default",
        "git": {"commitSha": commit, "commitAuthor": author, "branchName": source.git_revision},
    }


def _check_out(into: Path, revision: str) -> None:
    try:
        _run(into, "fetch", "-q", "--depth=1", "origin", revision)
    except reasons.BuildError:
        if not COMMIT.fullmatch(revision):
            raise
        # a shortened commit, or one that the server does not serve by its name: the history holds it
        _run(into, "fetch", "-q", "--tags", "origin")
        _run(into, "checkout", "-q", "--detach", revision)
    else:
        _run(into, "checkout", "-q", "--detach", "FETCH_HEAD")


def _run(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "core.hooksPath=/dev/null", *words],
        capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
        env=_environment(GIT_TERMINAL_PROMPT="0"), check=False,
    )  # fmt: skip
    if done.returncode:
        raise reasons.BuildError("SourceNotFound", f"git could not get the source: {_decisive(done.stderr)}")
    return done.stdout


def _environment(**own: str) -> dict[str, str]:
    passed = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER_REPOSITORY}
    passed.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
    return {**passed, "LC_ALL": "C", **own}


def _decisive(said: str) -> str:
    """The line in which git says what is wrong; what follows it is advice."""
    lines = [line for line in said.strip().splitlines() if line]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:"))]
    return (fatal or lines or ["it failed without a word"])[0]


def not_ignored(folder: Path) -> list[str]:
    """Files below a folder that no .gitignore of it, or of its repository above it, excludes.

    git itself decides, with an empty repository, so that neither what is tracked nor a user's own excludes matter.

    Raises:
        BuildError: SourceNotFound, when git is missing or cannot read the folder.
    """
    top = _top(folder)
    with tempfile.TemporaryDirectory() as empty:
        environ = _environment(GIT_CONFIG_NOSYSTEM="1", HOME=empty, XDG_CONFIG_HOME=empty)
        try:
            subprocess.run(
                ["git", "init", "-q", "--bare", empty], check=True, env=environ, capture_output=True
            )
            listed = subprocess.run(
                [
                    "git", f"--git-dir={empty}", f"--work-tree={top}", "ls-files", "-z", "--others",
                    "--exclude-standard",
                ],
                check=True, capture_output=True, env=environ, cwd=folder,
            )  # fmt: skip
        except FileNotFoundError:
            raise reasons.BuildError(
                "SourceNotFound", f"{folder.name} has a .gitignore and git is not installed; install git"
            ) from None
        except subprocess.CalledProcessError as error:
            said = _decisive(error.stderr.decode(errors="replace"))
            raise reasons.BuildError("SourceNotFound", f"git cannot read {folder.name}: {said}") from None
    names = [os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    return [name for found in names for name in _with_inner(folder, found)]


def _with_inner(folder: Path, name: str) -> list[str]:
    """A file, or the files of a repository inside the folder, which git names without looking into it."""
    if not name.endswith("/"):
        return [name]
    return [name + inner for inner in not_ignored(folder / name)]


def _top(folder: Path) -> Path:
    """The folder of the repository that a folder is in, or the folder itself."""
    place = folder.resolve()
    return next((above for above in (place, *place.parents) if (above / ".git").exists()), place)
