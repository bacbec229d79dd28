"""
Where does it look? Saliency and Grad-CAM
=========================================

Two questions to a trained network. Which pixels, if changed, would change the score most? That is
the gradient with respect to the image (Simonyan et al. 2014). And which places of the last feature
maps speak for the class? Grad-CAM weighs the maps by their mean gradients (Selvaraju et al. 2017).
Both need nothing but autograd.
"""

import matplotlib.pyplot as plt
import numpy as np

import minitorch
from minitorch import autograd, nn, optim

SIZE, NAMES = 40, ["disc", "box", "cross"]


def scenes(count, rng):
    """Return images (count, 1, SIZE, SIZE) with one shape among strokes, its kind, its place."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    kinds = rng.integers(0, 3, count)
    places = rng.uniform(8, SIZE - 8, (count, 2))
    images = rng.normal(0, 0.15, (count, SIZE, SIZE))
    for image, kind, (cx, cy) in zip(images, kinds, places, strict=True):
        for _ in range(6):
            angle, offset = rng.uniform(0, np.pi), rng.uniform(-SIZE / 2, SIZE / 2)
            line = (x - SIZE / 2) * np.cos(angle) + (y - SIZE / 2) * np.sin(angle) - offset
            image[abs(line) < 0.6] += 0.5
        dx, dy = abs(x - cx), abs(y - cy)
        near, far = np.minimum(dx, dy), np.maximum(dx, dy)
        inside = [dx**2 + dy**2 < 36, far < 5, (near < 2) & (far < 7)][kind]
        image[inside] = 1
    return minitorch.from_numpy(images[:, None]).float(), minitorch.from_numpy(kinds), places


minitorch.manual_seed(0)
rng = np.random.default_rng(0)
features = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
)  # fmt: skip
head = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, 3))
model = nn.Sequential(features, head)
optimizer = optim.Adam(model.parameters(), lr=0.005)
for _ in range(120):
    images, kinds, _ = scenes(24, rng)
    loss = nn.functional.cross_entropy(model(images), kinds)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

model.eval()
images, kinds, places = scenes(200, np.random.default_rng(1))
with minitorch.no_grad():
    said = model(images).argmax(1)
print(f"{(said == kinds).float().mean():.1%} right")


# %%
def saliency(image, kind):
    """Return the size of the gradient of a score, (SIZE, SIZE)."""
    image = image.clone().requires_grad_()
    (slope,) = autograd.grad(model(image[None])[0, kind], image)
    return slope[0].abs()


def grad_cam(image, kind):
    """Return the feature maps that speak for a class, enlarged to (SIZE, SIZE)."""
    maps = features(image[None])
    (slopes,) = autograd.grad(head(maps)[0, kind], maps)
    weighed = (slopes.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()
    return nn.functional.interpolate(weighed, size=(SIZE, SIZE), mode="bilinear")[0, 0]


# %%
# Do they point at the shape? How often the largest value of each lies on it:

y, x = np.mgrid[0:SIZE, 0:SIZE]
for method in (saliency, grad_cam):
    hits = 0
    for image, kind, (cx, cy) in zip(images[:60], said[:60].tolist(), places, strict=False):
        top = method(image, kind).detach().argmax().item()
        hits += np.hypot(top % SIZE - cx, top // SIZE - cy) < 8
    print(f"{method.__name__:<9} {hits} of 60")

# %%
figure, axes = plt.subplots(3, 6, figsize=(9, 4.6), layout="constrained")
for number, column in enumerate(axes.T):
    image, kind = images[number], said[number].item()
    column[0].imshow(image[0].numpy(), cmap="gray")
    column[0].set_title(NAMES[kind], fontsize=10)
    column[1].imshow(saliency(image, kind).numpy(), cmap="magma")
    column[2].imshow(image[0].numpy(), cmap="gray")
    column[2].imshow(grad_cam(image, kind).detach().numpy(), cmap="inferno", alpha=0.6)
    for panel in column:
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
for panel, name in zip(axes[:, 0], ["image", "saliency", "Grad-CAM"], strict=True):
    panel.set_ylabel(name)
plt.show()
