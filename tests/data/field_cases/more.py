import torch
from torch import nn
from torch.nn import functional as F

from counts import Base, stem


class NanPair(Base):
    def forward(self, x):
        scores = super().forward(x) * float("nan")
        return scores, scores


def nan_in_pair(classes):
    return NanPair(classes)


class NanDict(Base):
    def forward(self, x):
        return {"logits": super().forward(x) * float("nan")}


def nan_in_dict(classes):
    return NanDict(classes)


class Normalising(Base):
    def forward(self, x):
        return super().forward(x - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))


def normalise_no_classes():
    return Normalising(10)


def pruned(classes):
    from torch.nn.utils import prune

    net = Base(classes)
    prune.l1_unstructured(net.stem, "weight", amount=0.5)
    return net


def momentum_none(classes):
    return nn.Sequential(
        stem(), nn.BatchNorm2d(8, momentum=None), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)
    )


class Conv1dOnly(nn.Module):
    """Rows as sequences; the classifier is a one-dimensional convolution, as in fully convolutional networks."""

    def __init__(self, classes):
        super().__init__()
        self.a = nn.Conv1d(3 * 80, 8, 3, padding=1)
        self.b = nn.Conv1d(8, classes, 1)

    def forward(self, x):
        x = F.adaptive_avg_pool2d(x, (80, 80)).flatten(1, 2)
        return self.b(F.relu(self.a(x))).mean(2)


def conv1d_only(classes):
    return Conv1dOnly(classes)


def quantised():
    return torch.ao.quantization.quantize_dynamic(Base(10), {nn.Linear}, dtype=torch.qint8)


class AuxTraining(Base):
    """Scores alone in evaluation; in training those of a head halfway, too."""

    def __init__(self, classes):
        super().__init__(classes)
        self.aux_head = nn.Linear(8, classes)

    def forward(self, x):
        x = F.relu(self.stem(x)).mean((2, 3))
        return (self.head(x), self.aux_head(x)) if self.training else self.head(x)


def aux_head_named(classes):
    return AuxTraining(classes)


class AuxFirst(nn.Module):
    """A stem whose name begins with the letters aux."""

    def __init__(self, classes):
        super().__init__()
        self.auxiliary_features = nn.Sequential(stem(), nn.ReLU())
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        return self.head(self.auxiliary_features(x).mean((2, 3)))


def aux_first(classes):
    return AuxFirst(classes)
