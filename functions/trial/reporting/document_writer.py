"""Where documents are written: file by file, as they are made, for as long as there is time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from trial.definition.study import Study
from trial.errors import Beat
from trial.render.documents import File
from trial.reporting.attestation import Attestor
from trial.reporting.signing import Signer
from trial.store.bucket.documents import Documents
from trial.store.dynamodb import Store


@dataclass(frozen=True)
class WrittenFiles:
    """The version and the SHA-256 of each file that was written, by name."""

    versions: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def digests_of(self, *names: str) -> dict[str, str]:
        """Return the SHA-256 of those of these files that were written."""
        return {name: self.digests[name] for name in names if name in self.digests}


@dataclass(frozen=True)
class DocumentWriter:
    """Writes documents to the bucket: by which code, who signs them, and until when."""

    store: Store
    documents: Documents
    signer: Signer
    code_version: str
    beat: Beat = lambda: None

    def write(self, study: Study, prefix: str, files: Iterable[File]) -> WrittenFiles:
        """Write files under a prefix, each as it is made."""
        written = WrittenFiles()
        for file in files:
            digest = sha256()
            written.versions[file.name] = self.documents.write(
                study.id, study.audience, prefix, file.name, file.media_type,
                self._in_time(file.content, digest.update),
            )  # fmt: skip
            written.digests[file.name] = digest.hexdigest()
        return written

    def attestor(self, study: Study, epoch: int) -> Attestor:
        """Return who signs what is published to the study's audience."""
        return Attestor(
            self.documents, self.signer, study.id, study.audience, self.code_version, epoch
        )

    def _in_time(
        self, content: Iterable[bytes], on_piece: Callable[[bytes], None]
    ) -> Iterator[bytes]:
        """Pass pieces on while there is time; the beat raises once there is none."""
        for piece in content:
            self.beat()
            on_piece(piece)
            yield piece
