from tqdm import tqdm

from facts import absent, fact, save

losses, accuracies, steps = [], [], []
for epoch in range(1, 4):
    bar = tqdm(range(200), desc=f"Epoch {epoch}", mininterval=0, miniters=1)
    for step in bar:
        loss, accuracy = 2.0 / (step + 200 * (epoch - 1) + 1), 1 - 1 / (step + 2)
        losses.append(f"{loss:.3g}")
        accuracies.append(f"{accuracy:.3g}")
        bar.set_postfix(loss=loss, acc=accuracy)
fact("loss", losses)
fact("acc", accuracies)
absent("it/s")
save()
