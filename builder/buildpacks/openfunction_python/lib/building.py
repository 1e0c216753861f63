"""The build: checks, dependencies, the source's own steps, and what the image says about its process."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

import checks
import requirements
import settings

PYTHON = ["python3", "-S", "-s", "-P"]
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1"
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
    checks.syntax(app)
    checks.function(source, found)
    cache = Path(found.env.get("OFN_BUILD_CACHE") or layers / ".cache")
    resolver = requirements.Resolver(wheels=buildpack / "wheels", cache=cache, env=found.env)
    lines = requirements.read(app)
    print(f"dependencies: {', '.join(lines) or 'none beside the functions framework'}")
    lock = resolver.lock(lines)
    deps = layers / "deps"
    resolver.install(lock, deps)
    digest = f"sha256:{hashlib.sha256(lock.encode()).hexdigest()}"
    (layers / "deps.toml").write_text(
        "[types]\nlaunch = true\nbuild = true\ncache = true\n\n"
        f'[metadata]\nlock = "{digest}"\nabi = "{requirements.abi()}"\n'
    )
    for step in requirements.steps(app):
        _step(step, app, deps)
    requirements.compile_folder(app, at="/workspace")
    _function_layer(layers, found, source.relative_to(app), lock)
    _check(app, found, source.relative_to(app), deps)
    _launch(layers, buildpack, digest)


def _environment(app: Path, deps: Path) -> dict[str, str]:
    own = {"PYTHONPATH": f"{deps}{os.pathsep}{app}", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **ONE_THREAD, **own}


def _step(step: str, app: Path, deps: Path) -> None:
    """Run a step of the source in its folder, with its dependencies and nothing else."""
    words = shlex.split(step)
    command = [sys.executable, *PYTHON[1:], *words[1:]] if words[:1] in (["python"], ["python3"]) else words
    print(f"build step: {step}", flush=True)
    done = subprocess.run(
        command, cwd=app, env=_environment(app, deps), capture_output=True, text=True, check=False
    )
    print(done.stdout, end="", flush=True)
    if done.returncode:
        raise settings.Failure(
            "BuildStepFailed", f"the build step {step!r} ended with {done.returncode}", done.stderr
        )


def _check(app: Path, found: settings.Settings, source: Path, deps: Path) -> None:
    """Load the function once, as an instance will."""
    env = {**_environment(app, deps), "FUNCTION_TARGET": found.target, "FUNCTION_SOURCE": str(source)}
    if found.signature:
        env["FUNCTION_SIGNATURE_TYPE"] = found.signature
    command = [sys.executable, *PYTHON[1:], "-m", "functions_framework", "--check"]
    done = subprocess.run(command, cwd=app, env=env, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    lines = [line for line in done.stderr.strip().splitlines() if line]
    last = lines[-1] if lines else "loading the function failed without a word"
    reason, _, sentence = last.removeprefix("functions_framework: ").partition(": ")
    known = ("SourceNotFound", "FunctionNotFound", "SyntaxError", "ImportFailed", "DependencyFailed")
    if reason not in known:
        reason, sentence = "ImportFailed", last
    raise settings.Failure(reason, sentence, "\n".join(lines[:-1]))


def _function_layer(layers: Path, found: settings.Settings, source: Path, lock: str) -> None:
    """A layer that says what to run and where its modules are, wherever the layers are mounted."""
    layer = layers / "function"
    (layer / "env.launch").mkdir(parents=True)
    (layer / "exec.d").mkdir()
    values = {"FUNCTION_TARGET": found.target, "FUNCTION_SOURCE": str(source)}
    if found.signature:
        values["FUNCTION_SIGNATURE_TYPE"] = found.signature
    for name, value in values.items():
        (layer / "env.launch" / f"{name}.default").write_text(value)
    (layer / "requirements.lock").write_text(lock)
    program = layer / "exec.d" / "python-path"
    program.write_text(
        "#!/bin/sh\n"
        'printf \'PYTHONPATH = "%s/openfunction_python/deps:%s"\\n\' "$CNB_LAYERS_DIR" "$CNB_APP_DIR" >&3\n'
    )
    program.chmod(0o755)
    (layers / "function.toml").write_text("[types]\nlaunch = true\n")


def _launch(layers: Path, buildpack: Path, digest: str) -> None:
    version = next((buildpack / "wheels").glob("*.whl")).name.split("-")[1]
    command = ", ".join(f'"{word}"' for word in [*PYTHON, "-m", "functions_framework"])
    (layers / "launch.toml").write_text(
        f'[[processes]]\ntype = "web"\ncommand = [{command}]\ndefault = true\n\n'
        f'[[labels]]\nkey = "org.openfunction.framework"\nvalue = "{version}"\n\n'
        f'[[labels]]\nkey = "org.openfunction.lock"\nvalue = "{digest}"\n'
    )
