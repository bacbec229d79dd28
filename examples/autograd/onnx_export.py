"""
Export to ONNX, and come back
=============================

``minitorch.onnx.export`` runs a model once and writes what it did as an ONNX file, which
onnxruntime and others run. ``minitorch.onnx.load`` reads such a file as a module, which gives the
same results and can be trained further. The batch norms are folded into the convolutions on the
way.
"""

import tempfile
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import onnx

import minitorch
from minitorch import nn
from minitorch.vision.models import resnet18

minitorch.manual_seed(0)
model = resnet18(num_classes=10).eval()
for module in model.modules():  # as if it had been trained
    if isinstance(module, nn.BatchNorm2d):
        nn.init.uniform_(module.running_mean, -0.1, 0.1)
        nn.init.uniform_(module.running_var, 0.5, 1.5)
example = minitorch.randn(2, 3, 64, 64)
folder = Path(tempfile.mkdtemp())
minitorch.onnx.export(model, example, folder / "plain.onnx")
minitorch.onnx.export(model, example, folder / "folded.onnx", fold_batch_norm=True)

# %%
# Does it still compute the same?

with minitorch.no_grad():
    expected = model(example)
    for name in ("plain", "folded"):
        again = minitorch.onnx.load(folder / f"{name}.onnx")
        difference = (again(example) - expected).abs().max() / expected.abs().max()
        print(f"{name}: largest difference {difference:.1e} of the largest score")

# %%
# What is in the files:

kinds = {
    name: Counter(node.op_type for node in onnx.load(folder / f"{name}.onnx").graph.node)
    for name in ("plain", "folded")
}
rows = [kind for kind, _ in kinds["plain"].most_common()]
figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
for shift, (name, counts) in zip((-0.2, 0.2), kinds.items(), strict=True):
    places = [place + shift for place in range(len(rows))]
    bars = axes.barh(places, [counts[kind] for kind in rows], height=0.38, label=name)
    axes.bar_label(bars, padding=3)
axes.set(yticks=range(len(rows)), yticklabels=rows, xlabel="nodes in the ONNX graph")
axes.invert_yaxis()
axes.legend()
plt.show()
