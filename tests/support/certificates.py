"""Certificates for TLS tests, made with the openssl program when they are needed."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_CA_CONFIGURATION = """\
[ca]
default_ca = here
[here]
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = anything
unique_subject = no
copy_extensions = copy
x509_extensions = identifiers
[anything]
commonName = supplied
[identifiers]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True)
class Authority:
    """A certificate authority of our own."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """What a client must trust."""
        return self.folder / "ca.pem"

    def server_context(
        self, host: str, *, ends: str = "20991231235959Z", signed: bool = True
    ) -> ssl.SSLContext:
        """Make a server's side of TLS. host: `IP:127.0.0.1` or `DNS:name`; signed: by us, not itself."""
        key, request, certificate = (self.folder / f"server.{suffix}" for suffix in ("key", "csr", "pem"))
        subject = ["-subj", "/CN=server", "-addext", f"subjectAltName={host}"]
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key)]
        if signed:
            _openssl("req", "-new", *new_key, *subject, "-out", str(request))
            dates = ["-startdate", "20200101000000Z", "-enddate", ends]
            files = ["-cert", str(self.certificate), "-keyfile", str(self.folder / "ca.key")]
            configuration = ["-batch", "-notext", "-config", str(self.folder / "ca.conf")]
            _openssl("ca", *configuration, *files, *dates, "-in", str(request), "-out", str(certificate))
        else:
            _openssl("req", "-x509", *new_key, *subject, "-out", str(certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


def make_authority(folder: Path) -> Authority:
    """Make a new authority in an empty folder. Skip the test without openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    (folder / "index.txt").touch()
    (folder / "serial").write_text("01\n")
    (folder / "ca.conf").write_text(_CA_CONFIGURATION.format(folder=folder))
    key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        str(folder / "ca.key"),
    ]
    usage = ["-addext", "keyUsage=critical,keyCertSign"]  # Python 3.13 insists
    subject = ["-subj", "/CN=authority of the tests"]
    _openssl("req", "-x509", *key, *subject, *usage, "-out", str(folder / "ca.pem"))
    return Authority(folder)


def _openssl(*arguments: str) -> None:
    finished = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
