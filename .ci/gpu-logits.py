"""Logits that transformers computes of an exported model (ExportedLogits), bfloat16 and float32, on one GPU, against ours in bfloat16.

Fails if ours are further from float32's than twice as far as transformers' own bfloat16 is.
"""

import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

folder = sys.argv[1]
expected = load_file(f"{folder}/expected.safetensors")


def logits(dtype):
    model = AutoModelForCausalLM.from_pretrained(folder).to(dtype).cuda().eval()
    with torch.no_grad():
        return model(input_ids=expected["input_ids"].cuda()).logits.float().cpu()


def size(values):
    return values.double().square().mean().sqrt().item()


exact = logits(torch.float32)
ours, theirs = (size(one - exact) / size(exact) for one in (expected["logits"], logits(torch.bfloat16)))
print(f"exported, in transformers: from its float32 logits our bfloat16 is {ours:.2%} away, its own {theirs:.2%} (root mean squares)")
sys.exit(ours > 2 * theirs)
