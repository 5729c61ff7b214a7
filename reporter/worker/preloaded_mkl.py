"""What the fork server does besides where kernels are listed: it lets MKL report a product of matrices.

MKL prints the frequency of the processor with the first call that it reports. Where the name of the processor does not
contain it, as in virtual machines, MKL measures it, which took 0.05 to 0.9 s on a processor with two cores.
"""

from __future__ import annotations

from reporter.model.attempts import attempt


def report() -> None:
    """Runs a product of such small matrices that no thread is started."""
    from reporter.worker.profiling.blas_libraries import Products
    from reporter.worker.profiling.kernel_names import verbose

    with verbose() as capture:
        Products(capture)


attempt(report)
