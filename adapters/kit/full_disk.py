"""A disk that takes no more, for real: the kernel refuses to write any file of this process past a size."""

import contextlib
import io
import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_disk(bytes_left: int = 0) -> Iterator[None]:
    """Inside, no file grows past `bytes_left`: a write there ends with OSError (EFBIG). POSIX alone.

    Standard output and error go to memory meanwhile, for they may be files too.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
