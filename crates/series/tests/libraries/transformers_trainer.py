import torch
from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments
from transformers.modeling_outputs import SequenceClassifierOutput

from facts import absent, fact, save

torch.manual_seed(0)


class Small(PreTrainedModel):
    config_class = PretrainedConfig

    def __init__(self, config):
        super().__init__(config)
        self.layer = torch.nn.Linear(8, 2)
        self.post_init()

    def forward(self, x=None, labels=None):
        logits = self.layer(x)
        return SequenceClassifierOutput(loss=torch.nn.functional.cross_entropy(logits, labels), logits=logits)


x = torch.randn(64, 8)
data = [{"x": row, "labels": int(row[0] > 0)} for row in x]
arguments = TrainingArguments(
    output_dir="out", num_train_epochs=2, per_device_train_batch_size=8, logging_steps=4, eval_strategy="epoch",
    save_strategy="no", report_to=[], use_cpu=True, learning_rate=0.05,
)
trainer = Trainer(Small(PretrainedConfig()), arguments, train_dataset=data[:48], eval_dataset=data[48:])
trainer.train()
history = trainer.state.log_history


def told(metric):
    lines = [line for line in history if metric in line]
    fact(metric, [f"{line[metric]:.4g}" for line in lines], epochs=[float(f"{line['epoch']:.4g}") for line in lines])


for metric in ("loss", "grad_norm", "learning_rate", "eval_loss", "train_loss"):
    told(metric)
for what in ("eval_runtime", "eval_samples_per_second", "train_runtime", "train_steps_per_second"):
    absent(what)
save()
