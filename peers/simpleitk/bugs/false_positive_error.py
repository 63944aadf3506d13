"""GetFalsePositiveError(label) is the largest double where the source image lacks the label.

The false positive error of ITK 5.3 and later is FP/(FP + TN) (ITK issue 3490), and GetFalsePositiveError() over all labels,
of which there is one here, gives it. With FP = 0 and TN = 1 it is 0.
"""

import sys

import numpy as np
import SimpleITK as sitk

source, target = np.array([[0, 0]], np.uint8), np.array([[1, 0]], np.uint8)
measures = sitk.LabelOverlapMeasuresImageFilter()
measures.Execute(sitk.GetImageFromArray(source), sitk.GetImageFromArray(target))
print("over all labels:", measures.GetFalsePositiveError())
print("label 1: expected 0.0, got", measures.GetFalsePositiveError(1))
sys.exit(0 if measures.GetFalsePositiveError(1) != 0.0 else 1)
