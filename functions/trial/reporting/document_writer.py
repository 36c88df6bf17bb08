"""Where documents are written: file by file, as they are made, for as long as there is time."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from itertools import chain

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Beat
from trial.render.documents import EarlierFile, File
from trial.reporting.attestation import Attestor
from trial.reporting.signing import Signer
from trial.store.bucket.client import PART_BYTES
from trial.store.bucket.documents import Documents
from trial.store.dynamodb import Store


@dataclass(frozen=True)
class WrittenFiles:
    """What each file is in the bucket, by name."""

    files: dict[str, EarlierFile] = field(default_factory=dict)

    @property
    def versions(self) -> dict[str, str]:
        """The version of each file."""
        return {name: file.version for name, file in self.files.items()}

    @property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file."""
        return {name: file.sha256 for name, file in self.files.items()}

    def digests_of(self, *names: str) -> dict[str, str]:
        """Return the SHA-256 of those of these files that were written."""
        return {name: self.files[name].sha256 for name in names if name in self.files}


@dataclass(frozen=True)
class DocumentWriter:
    """Writes documents to the bucket: by which code, who signs them, and until when."""

    store: Store
    documents: Documents
    signer: Signer
    code_version: str
    beat: Beat = lambda: None

    def write(
        self,
        study: Study,
        prefix: str,
        files: Iterable[File],
        earlier: Mapping[str, EarlierFile] | None = None,
        note: Callable[[str, EarlierFile], None] = lambda _name, _file: None,
    ) -> WrittenFiles:
        """Write files under a prefix, each as it is made; not what is as it was `earlier`.

        `note` is told of each file that was written, by its name.
        """
        result = WrittenFiles()
        for file in files:
            if file.earlier is not None:
                result.files[file.name] = file.earlier
                continue
            earlier_file = (earlier or {}).get(file.name)
            result.files[file.name] = self._write(study, prefix, file, earlier_file)
            note(file.name, result.files[file.name])
        return result

    def _write(
        self, study: Study, prefix: str, file: File, earlier: EarlierFile | None
    ) -> EarlierFile:
        content = _Content(self.beat)
        pieces = content.measured(file.content)
        pieces_read: list[bytes] = []
        if earlier is not None:
            # What is larger than a part is compared by what it is made from, or not at all.
            while content.size < PART_BYTES and (piece := next(pieces, None)) is not None:
                pieces_read.append(piece)
            if content.size < PART_BYTES and content.sha256 == earlier.sha256:
                return replace(earlier, inputs=file.inputs)
        version = self.documents.write(
            study.id, study.audience, prefix, file.name, file.media_type, chain(pieces_read, pieces)
        )
        return EarlierFile(file.inputs, content.size, content.sha256, version)

    def attestor(self, study: Study, epoch: int) -> Attestor:
        """Return who signs what is published to the study's audience."""
        return Attestor(
            self.documents, self.signer, study.id, study.audience, self.code_version, epoch
        )


class _Content:
    """What passes on its way to the bucket: how many bytes, and their digest."""

    def __init__(self, beat: Beat) -> None:
        self._beat, self._digest = beat, hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def measured(self, content: Iterable[bytes]) -> Iterator[bytes]:
        """Pass pieces on while there is time; the beat raises once there is none."""
        for piece in content:
            self._beat()
            self._digest.update(piece)
            self.size += len(piece)
            yield piece
