from tqdm import tqdm

from facts import absent, fact, save

losses, accuracies = [], []
for epoch in range(1, 4):
    bar = tqdm(range(200), desc=f"Epoch {epoch}", mininterval=0, miniters=1)
    for step in bar:
        done = step + 200 * (epoch - 1)
        losses.append(f"{2.0 / (done + 1):.7f}")
        accuracies.append(f"{1 - 1 / (done + 2):.7f}")
        bar.set_postfix(loss=losses[-1], acc=accuracies[-1])
fact("loss", losses, steps=[599])
fact("acc", accuracies, steps=[599])
absent("it/s")
save()
