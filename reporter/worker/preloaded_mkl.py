"""What the fork server does besides where kernels are listed: it lets MKL report a call.

MKL prints the frequency of the processor with the first call that it reports. Where the name of the processor does not
contain it, as in virtual machines, MKL measures it, which took 0.05 to 0.9 s on a processor with two cores.
"""

from __future__ import annotations

from reporter.model.attempts import attempt


def report() -> None:
    """Runs a call of MKL that starts no thread, which a fork would lose, and does not use oneDNN, as a product does.

    oneDNN reads environment variables at its first use, which is left to the workers.
    """
    import torch

    from reporter.worker.profiling.kernel_names import verbose

    one = torch.ones(1, 1)
    with verbose(onednn=False):
        torch.linalg.solve_triangular(one, one, upper=True)


attempt(report)
