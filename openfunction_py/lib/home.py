"""The data folder of one platform: where everything in it lies.

It names places and makes folders; it reads and writes no files.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "OFN_HOME"
CACHE_VARIABLE = "OFN_CACHE"
_LONGEST_SOCKET = 90


@dataclass(frozen=True, slots=True)
class Home:
    """Places inside one data folder."""

    root: Path

    @classmethod
    def default(cls, environ: Mapping[str, str]) -> Home:
        """$OFN_HOME, or `openfunction` in the user's data folder."""
        chosen = environ.get(HOME_VARIABLE)
        return cls(Path(chosen).absolute() if chosen else _user_dir(environ, "XDG_DATA_HOME", ".local/share"))

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this home."""
        return self.root / "lock"

    @property
    def config(self) -> Path:
        """Ports and settings of this platform."""
        return self.root / "config.json"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.root / "pki"

    @property
    def ca_cert(self) -> Path:
        """The certificate clients trust."""
        return self.pki / "ca.crt"

    @property
    def tokens(self) -> Path:
        """Folder of bearer tokens."""
        return self.root / "tokens"

    def token(self, name: str) -> Path:
        """The bearer token of one identity."""
        return self.tokens / name

    @property
    def kubeconfig(self) -> Path:
        """How clients reach the API server."""
        return self.root / "kubeconfig"

    @property
    def store(self) -> Path:
        """The API server's database."""
        return self.root / "store.db"

    @property
    def images(self) -> Path:
        """The OCI layout of built images."""
        return self.root / "images"

    @property
    def cache(self) -> Path:
        """Build caches of this home."""
        return self.root / "cache"

    @property
    def logs(self) -> Path:
        """Logs of the platform's processes."""
        return self.root / "logs"

    @property
    def pod_logs(self) -> Path:
        """Logs of Pods."""
        return self.logs / "pods"

    @property
    def node(self) -> Path:
        """What the node keeps."""
        return self.root / "node"

    @property
    def layers(self) -> Path:
        """Unpacked layers, shared between images."""
        return self.node / "layers"

    @property
    def unpacked(self) -> Path:
        """Unpacked images."""
        return self.node / "images"

    @property
    def pods(self) -> Path:
        """State of Pods."""
        return self.node / "pods"

    @property
    def claims(self) -> Path:
        """Folders of volume claims by uid; they outlive Pods."""
        return self.node / "claims"

    @property
    def templates(self) -> Path:
        """State of template processes."""
        return self.node / "templates"

    @property
    def run(self) -> Path:
        """Folder of sockets; moved to the temporary folder where the path would be too long for one."""
        near = self.root / "run"
        if len(os.fsencode(near / "instances" / "i.sock")) < _LONGEST_SOCKET:
            return near
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"ofn-{os.getuid()}-{digest}"

    @property
    def node_socket(self) -> Path:
        """The node's door for control and gateway."""
        return self.run / "node.sock"

    @property
    def instances_dir(self) -> Path:
        """Folder of the node's door for instances; others may pass through, not list."""
        return self.run / "instances"

    @property
    def instances_socket(self) -> Path:
        """The node's door for instances."""
        return self.instances_dir / "i.sock"

    @property
    def sockets(self) -> Path:
        """Folders of sockets that the containers of a Pod share, by namespace and Pod.

        It is closed to others, so that an instance of another user is shown what it needs of it and no more.
        """
        return self.run / "s"

    @property
    def supervisor_socket(self) -> Path:
        """The supervisor's status door."""
        return self.run / "supervisor.sock"

    def ensure(self) -> None:
        """Make the folders; only the user may enter.

        Raises:
            OSError: the place is not writable, or the sockets' folder belongs to someone else.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.chmod(0o700)
        for folder in self._folders():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.pki, self.tokens):
            folder.chmod(0o700)
        for folder in (self.layers, self.unpacked):
            folder.chmod(0o755)  # an instance of another user reads them through a mount of its own
        self._ensure_run()

    def _folders(self) -> tuple[Path, ...]:
        return (
            self.pki, self.tokens, self.images, self.cache, self.pod_logs,
            self.layers, self.unpacked, self.pods, self.templates,
        )  # fmt: skip

    def _ensure_run(self) -> None:
        self.run.mkdir(mode=0o711, parents=True, exist_ok=True)
        if self.run.lstat().st_uid != os.getuid():
            raise PermissionError(
                f"{self.run} belongs to another user; set OFN_HOME to a shorter path of yours"
            )
        self.run.chmod(0o711)
        for folder, mode in ((self.instances_dir, 0o711), (self.sockets, 0o700)):
            folder.mkdir(mode=mode, exist_ok=True)
            folder.chmod(mode)


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Caches that outlive a home: $OFN_CACHE, or `openfunction` in the user's cache folder."""
    chosen = environ.get(CACHE_VARIABLE)
    return Path(chosen).absolute() if chosen else user_cache(environ)


def user_cache(environ: Mapping[str, str]) -> Path:
    """`openfunction` in the user's cache folder."""
    return _user_dir(environ, "XDG_CACHE_HOME", ".cache")


def _user_dir(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    base = environ.get(variable)
    if base:
        return Path(base).absolute() / "openfunction"
    user = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    if sys.platform == "darwin":
        fallback = "Library/Caches" if variable == "XDG_CACHE_HOME" else "Library/Application Support"
    return user / fallback / "openfunction"
