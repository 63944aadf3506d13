"""segmentation_models_pytorch.losses.TverskyLoss(gamma below 1) is nan where 1 less the score rounds to below 0.

Its documentation raises the loss to the power of gamma. Where everything is foreground and misses cost nothing the loss is 0,
and so is any power of it; in floating point it is -1.1e-16, which has none.
"""

import torch
from segmentation_models_pytorch.losses import TverskyLoss

logits = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64).reshape(1, 1, 1, 3)
loss = TverskyLoss("binary", alpha=1.0, beta=0.0, gamma=0.75, smooth=1.0)(logits, torch.ones_like(logits))
print("expected 0, got", loss.item())
raise SystemExit(0 if loss.isnan() else 1)
