import logging

import lightning
import torch
from lightning.pytorch.callbacks import TQDMProgressBar

from facts import absent, fact, save

torch.manual_seed(0)
x = torch.randn(96, 8)
y = (x[:, :1] * 2 - x[:, 1:2] + 0.1 * torch.randn(96, 1)).float()
train = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:64], y[:64]), batch_size=8)
held = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[64:], y[64:]), batch_size=32)
trained, seen = [], []


class Line(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 1)

    def training_step(self, batch, _number):
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        trained.append(float(loss))
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, _number):
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log("val_loss", loss, prog_bar=True)

    def on_validation_epoch_end(self):
        if not self.trainer.sanity_checking:
            seen.append(float(self.trainer.callback_metrics["val_loss"]))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05)


logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
bar = TQDMProgressBar(refresh_rate=1)
trainer = lightning.Trainer(max_epochs=3, logger=False, enable_checkpointing=False, accelerator="cpu", callbacks=[bar])
trainer.fit(Line(), train, held)
fact("train_loss", ["%.3g" % value for value in trained], epochs=[3])
fact("val_loss", ["%.3g" % value for value in seen], epochs=[1, 2, 3])
absent("it/s")
absent("v_num")
save()
