import fastai.callback.progress  # noqa: F401 (as `from fastai.vision.all import *` does)
import torch
from fastai.data.core import DataLoader, DataLoaders
from fastai.learner import Learner
from fastai.metrics import accuracy

from facts import absent, fact, save

torch.manual_seed(0)
x = torch.randn(128, 8)
y = (x[:, 0] > 0).long()
pairs = list(zip(x, y))
loaders = DataLoaders(DataLoader(pairs[:96], bs=16, shuffle=True), DataLoader(pairs[96:], bs=16))
learner = Learner(loaders, torch.nn.Linear(8, 2), loss_func=torch.nn.CrossEntropyLoss(), metrics=accuracy, lr=0.1)
learner.fit(3)
for place, metric in enumerate(("train_loss", "valid_loss", "accuracy")):
    fact(metric, [f"{row[place]:.6f}" for row in learner.recorder.values], epochs=[0, 1, 2])
absent("time")
save()
