"""Where documents are written: file by file, as they are made, for as long as there is time."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import field, replace
from itertools import chain

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Beat, OutOfTime
from trial.render.documents import EarlierFile, File
from trial.reporting.attestation import Attestor
from trial.reporting.signing import Signer
from trial.store.bucket.client import PART_BYTES
from trial.store.bucket.documents import Documents
from trial.store.dynamodb import Store

_SENT_AT_ONCE = 4
"""So many files are on their way while others are made: each is held, and smaller than a part."""


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

        Small ones are sent while the next are made. `note` is told of each file that was written,
        by its name, once it is there: also of those after which the time ended.
        """
        result, sent = WrittenFiles(), deque[tuple[File, Future[EarlierFile] | EarlierFile]]()

        def settle(most: int) -> None:
            while len(sent) > most:
                file, sending = sent.popleft()
                written = sending.result() if isinstance(sending, Future) else sending
                result.files[file.name] = written
                if file.earlier is None:
                    note(file.name, written)

        with ThreadPoolExecutor(_SENT_AT_ONCE) as threads:
            try:
                for file in files:
                    former = (earlier or {}).get(file.name)
                    sent.append((file, self._send(study, prefix, file, former, threads)))
                    settle(_SENT_AT_ONCE)
            except OutOfTime:
                settle(0)
                raise
            settle(0)
        return result

    def _send(
        self,
        study: Study,
        prefix: str,
        file: File,
        former: EarlierFile | None,
        threads: ThreadPoolExecutor,
    ) -> Future[EarlierFile] | EarlierFile:
        """Send a file: one that is no larger than a part aside, and the next can be made."""
        if file.earlier is not None:
            return file.earlier
        content = _Content(self.beat)
        pieces, pieces_read = content.measured(file.content), list[bytes]()
        while content.size < PART_BYTES and (piece := next(pieces, None)) is not None:
            pieces_read.append(piece)
        is_small = content.size < PART_BYTES
        # What is larger is compared by what it is made from, or not at all.
        if former is not None and is_small and content.sha256 == former.sha256:
            return replace(former, inputs=file.inputs)

        def send() -> EarlierFile:
            whole = chain(pieces_read, pieces)
            version = self.documents.write(
                study.id, study.audience, prefix, file.name, file.media_type, whole
            )
            return EarlierFile(file.inputs, content.size, content.sha256, version)

        return threads.submit(send) if is_small else send()

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
