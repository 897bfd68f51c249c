"""Transforms draw from torch's generator, which starts anew in each test."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
