"""The build: checks, dependencies, the source's own steps, and what the image says about its process."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import bytecode
import checks
import dependencies
import requirements
import resolver
import settings

PYTHON = ["python3", "-S", "-s", "-P"]
SIGNATURES = ("", "http", "cloudevent", "event", "openfunction", "typed", "websocket")
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1"
)
LINE = 16 * 1024
CHECK_SECONDS = 120.0
# What loading shows that no run can be free of. Anything else may depend on what only an instance has: secrets,
# variables, other services.
CERTAIN = (
    *("SourceNotFound", "FunctionNotFound", "SyntaxError", "DependencyFailed"),
    *("ArityMismatch", "InvalidFunction", "OptionalMissing"),
)


def main(app: Path, *, platform: Path, layers: Path, buildpack: Path) -> int:
    """Build; 0, or 1 with the reason in the log."""
    try:
        _build(app, settings.read(platform), layers, buildpack)
    except settings.Failure as failure:
        failure.report()
        return 1
    return 0


def _build(app: Path, found: settings.Settings, layers: Path, buildpack: Path) -> None:
    source = settings.source_file(app, found)
    if found.signature not in SIGNATURES:
        raise settings.Failure(
            "BuilderUnsupported",
            f"FUNC_TYPE is {found.signature!r}; it is one of {', '.join(filter(None, SIGNATURES))}",
        )
    checks.syntax(app)
    target = checks.target(source, found.target)
    deps = layers / "deps"
    lock = _dependencies(app, found, deps, buildpack)
    bytecode.compile_folder(app, at="/workspace")
    values = {"FUNCTION_TARGET": target, "FUNCTION_SOURCE": str(source.relative_to(app))}
    if found.signature:
        values["FUNCTION_SIGNATURE_TYPE"] = found.signature
    _check(app, values, deps)
    _function_layer(layers, values, lock)
    _launch(layers, buildpack, found, lock)


def _dependencies(app: Path, found: settings.Settings, deps: Path, buildpack: Path) -> str:
    """Fill the layer of the dependencies and run the source's steps on it; the lock."""
    layers = deps.parent
    cache, tended = _cache(layers, found)
    uv = resolver.Uv({"UV_CACHE_DIR": str(cache / "uv"), **found.env}, tools=layers / "tools")
    store = dependencies.Store(cache, uv=uv, wheels=buildpack / "wheels", app=app)
    wanted = requirements.read(app)
    print(f"dependencies: {', '.join(wanted.lines) or 'none beside the functions framework'}", flush=True)
    lock = store.lock(wanted)
    kept = store.install(lock, deps, local=wanted.local)
    if not tended:
        store.forget_all_but(kept)
    lock = lock.replace(f"file://{app}", "file:///workspace")
    (layers / "deps.toml").write_text(
        "[types]\nlaunch = true\nbuild = true\n\n"
        f'[metadata]\nlock = "{_digest(lock)}"\nabi = "{dependencies.abi()}"\n'
        # what bears the same name has the same content: a lifecycle may pack it once for all functions
        + (f'content = "{kept.name}"\n' if kept else "")
    )
    _steps(app, found, deps, kept)
    return lock


def _cache(layers: Path, found: settings.Settings) -> tuple[Path, bool]:
    """The folder that outlives builds, and whether the platform looks after it; if not, it is a layer that is kept."""
    if given := found.env.get("OFN_BUILD_CACHE"):
        return Path(given), True
    (layers / "downloads.toml").write_text("[types]\ncache = true\n")
    return layers / "downloads", False


def _digest(lock: str) -> str:
    return f"sha256:{hashlib.sha256(lock.encode()).hexdigest()}"


def _environment(app: Path, deps: Path) -> dict[str, str]:
    own = {
        "PYTHONPATH": f"{deps}{os.pathsep}{app}",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SOURCE_DATE_EPOCH": "315532801",
    }
    return {**os.environ, **ONE_THREAD, **own}


def _steps(app: Path, found: settings.Settings, deps: Path, kept: Path | None) -> None:
    """Run the steps of the source in its folder, with its dependencies and nothing else."""
    commands = requirements.steps(app)
    if not commands:
        return
    programs = deps.parent / "programs"
    _python_alone(programs)
    before = dependencies.portrait(deps)
    env = {**found.env, **_environment(app, deps)}
    env["PATH"] = f"{programs}{os.pathsep}{env.get('PATH', os.defpath)}"
    for command in commands:
        _step(command, app, env)
    if dependencies.portrait(deps) != before:
        # the files are shared with other functions' builds: what was written to must not be used again
        if kept:
            shutil.rmtree(kept, ignore_errors=True)
        raise settings.Failure(
            "BuildStepFailed",
            "a build step changed the installed packages; let it write to the source's folder",
        )


def _python_alone(programs: Path) -> None:
    """Programs `python` and `python3` that see the layers and nothing that this machine has installed."""
    programs.mkdir()
    for name in ("python", "python3"):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {" ".join(PYTHON[1:])} "$@"\n')
        program.chmod(0o755)


def _step(command: str, app: Path, env: dict[str, str]) -> None:
    print(f"build step: {command}", flush=True)
    lines: list[str] = []
    with subprocess.Popen(
        ["/bin/sh", "-e", "-c", command], cwd=app, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as process:  # fmt: skip
        while line := process.stdout.readline(LINE):
            print(line, end="", flush=True)
            lines = [*lines[-40:], line]
    if process.returncode:
        raise settings.Failure(
            "BuildStepFailed", f"the build step {command!r} ended with {process.returncode}", "".join(lines)
        )


def _check(app: Path, values: dict[str, str], deps: Path) -> None:
    """Load the function once, as an instance will."""
    command = [sys.executable, *PYTHON[1:], "-m", "functions_framework", "--check"]
    try:
        done = subprocess.run(
            command, cwd=app, env={**_environment(app, deps), **values}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=CHECK_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        print(
            f"warning: loading the function took longer than {CHECK_SECONDS:.0f} s; it was not checked",
            flush=True,
        )
        return
    if done.returncode == 0:
        return
    lines = [line for line in done.stderr.strip().splitlines() if line]
    last = lines[-1] if lines else f"it ended with {done.returncode} without a word"
    reason, _, sentence = last.removeprefix("functions_framework: ").partition(": ")
    if reason in CERTAIN:
        raise settings.Failure(reason, sentence, "\n".join(lines[:-1]))
    print("\n".join(lines), flush=True)
    print(
        "warning: the function could not be loaded here; if what it misses is there when it runs "
        "(a variable, a secret, another service), this is no fault",
        flush=True,
    )


def _function_layer(layers: Path, values: dict[str, str], lock: str) -> None:
    """A layer that says what to run and where its modules are, wherever the layers are mounted."""
    layer = layers / "function"
    (layer / "env.launch").mkdir(parents=True)
    (layer / "exec.d").mkdir()
    for name, value in values.items():
        (layer / "env.launch" / f"{name}.default").write_text(value)
    (layer / "requirements.lock").write_text(lock)
    program = layer / "exec.d" / "python-path"
    # a launcher starts it by its absolute path in the app's folder, and upstream's tells neither place by a variable
    program.write_text(
        "#!/bin/sh\n"
        "layer=${0%/exec.d/*}\n"
        'printf \'PYTHONPATH = "%s/deps:%s"\\n\' "${layer%/*}" "${CNB_APP_DIR:-$PWD}" >&3\n'
    )
    program.chmod(0o755)
    (layers / "function.toml").write_text("[types]\nlaunch = true\n")


def _launch(layers: Path, buildpack: Path, found: settings.Settings, lock: str) -> None:
    labels = {
        "org.openfunction.framework": next((buildpack / "wheels").glob("*.whl")).name.split("-")[1],
        "org.openfunction.lock": _digest(lock),
        "org.openfunction.python.abi": dependencies.abi(),
    }
    for name, value in sorted(found.env.items()):
        if name.startswith("FUNC_LABEL_"):
            labels[name.removeprefix("FUNC_LABEL_").lower().replace("_", "-")] = value
    command = ", ".join(f'"{word}"' for word in [*PYTHON, "-m", "functions_framework"])
    (layers / "launch.toml").write_text(
        f'[[processes]]\ntype = "web"\ncommand = [{command}]\ndefault = true\n'
        + "".join(
            f"\n[[labels]]\nkey = {_quoted(key)}\nvalue = {_quoted(value)}\n" for key, value in labels.items()
        )
    )


def _quoted(text: str) -> str:
    """A text as TOML writes it."""
    escaped = "".join(
        character if character.isprintable() and character not in '"\\' else f"\\U{ord(character):08x}"
        for character in text
    )
    return f'"{escaped}"'
