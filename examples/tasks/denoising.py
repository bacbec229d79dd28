"""
Denoising: an autoencoder cleans digits
=======================================

An autoencoder squeezes an image through a narrow place and draws it again. Trained to draw the
clean image from a noisy one (Vincent et al. 2008), it keeps what digits have in common and drops
the rest.
"""

import matplotlib.pyplot as plt

import minitorch
from minitorch import nn, optim
from minitorch.vision.datasets import Digits

minitorch.manual_seed(0)
clean, unseen = (Digits(train=part).data.unsqueeze(1).float() / 255 for part in (True, False))


def spoil(images):
    return images + 0.4 * minitorch.randn_like(images)


model = nn.Sequential(
    nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(),
    nn.Conv2d(24, 32, 3, stride=2, padding=1), nn.ReLU(),
    nn.Conv2d(32, 8, 3, stride=2, padding=1), nn.ReLU(),  # 8 channels of 2 x 2: the narrow place
    nn.ConvTranspose2d(8, 32, 4, stride=2, padding=1), nn.ReLU(),
    nn.ConvTranspose2d(32, 24, 4, stride=2, padding=1), nn.ReLU(),
    nn.Conv2d(24, 1, 3, padding=1), nn.Sigmoid(),
)  # fmt: skip
optimizer = optim.Adam(model.parameters(), lr=0.003)
for _ in range(500):
    batch = clean[minitorch.randint(len(clean), (64,))]
    loss = nn.functional.mse_loss(model(spoil(batch)), batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %%
# On digits it has never seen, measured as the root of the mean squared error of a pixel. Blurring,
# which needs no training, is there for comparison.

noisy = spoil(unseen)
with minitorch.no_grad():
    restored = model(noisy)
kernel = minitorch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16
blurred = nn.functional.conv2d(noisy, kernel[None, None], padding=1)
rows = {"clean": unseen, "noisy": noisy, "blurred": blurred, "restored": restored}
for name, images in rows.items():
    print(f"{name:<9} {nn.functional.mse_loss(images, unseen).sqrt():.3f}")

# %%
figure, axes = plt.subplots(4, 10, figsize=(8, 3.6), layout="constrained")
for row, (name, images) in zip(axes, rows.items(), strict=True):
    for panel, image in zip(row, images[::36, 0].numpy(), strict=True):
        panel.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()
