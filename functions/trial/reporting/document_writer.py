"""Where documents are written: file by file, as they are made, for as long as there is time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from trial.definition.study import Study
from trial.errors import Beat
from trial.render.documents import File
from trial.reporting.attestation import Vouching
from trial.reporting.signing import Signer
from trial.store.bucket.documents import Documents
from trial.store.dynamodb import Store


@dataclass(frozen=True)
class Written:
    """What became of files: version and SHA-256 of each, by name."""

    versions: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def vouched_for(self, *names: str) -> dict[str, str]:
        """Give the SHA-256 of some of them, where they are there."""
        return {name: self.digests[name] for name in names if name in self.digests}


@dataclass(frozen=True)
class Writing:
    """Where documents are written, by which code, who signs them, and until when."""

    store: Store
    documents: Documents
    signer: Signer
    code_version: str
    beat: Beat = lambda: None

    def put(self, study: Study, place: str, files: Iterable[File]) -> Written:
        """Write files to one place, each as it is made."""
        written = Written()
        for each in files:
            digest = sha256()
            written.versions[each.name] = self.documents.write(
                study.id, study.audience, place, each.name, each.media_type,
                self._in_time(each.content, digest.update),
            )  # fmt: skip
            written.digests[each.name] = digest.hexdigest()
        return written

    def vouching(self, study: Study, epoch: int) -> Vouching:
        """Give who signs what is published to an audience."""
        of = (study.id, study.audience)
        return Vouching(self.documents, self.signer, *of, self.code_version, epoch)

    def _in_time(
        self, content: Iterable[bytes], passed: Callable[[bytes], None]
    ) -> Iterator[bytes]:
        for piece in content:
            self.beat()
            passed(piece)
            yield piece
