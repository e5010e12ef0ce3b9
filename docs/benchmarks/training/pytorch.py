"""Training steps in PyTorch of the two models that TrainingSpeed trains: same shapes, batch, optimizer and matrix product to compare with.

    python3 pytorch.py THREADS STEPS ROUNDS experts,dense

Experts are computed as Hugging Face's DeepseekV3MoE does: one after the other, each on its own tokens, added back by index.
"""
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

VOCABULARY, DIM, LAYERS, LENGTH = 8192, 256, 6, 512
SEQUENCES, MICRO_BATCH, WARM_UP = 16, 4, 2


def linear(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


class RmsNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Rotary:
    """Rotation of halves, as Hugging Face's Llama does it."""

    def __init__(self, dim):
        angles = torch.outer(torch.arange(LENGTH), 10000.0 ** (-torch.arange(0, dim, 2) / dim)).repeat(1, 2)
        self.cos, self.sin = angles.cos(), angles.sin()

    def __call__(self, x):
        low, high = x.chunk(2, -1)
        return x * self.cos + torch.cat((-high, low), -1) * self.sin


def attend(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return (scores + torch.full((LENGTH, LENGTH), float("-inf")).triu(1)).softmax(-1) @ v


class GroupedQueryAttention(nn.Module):
    def __init__(self, heads=4, key_value_heads=2, dim=64):
        super().__init__()
        self.heads, self.key_value_heads, self.dim = heads, key_value_heads, dim
        self.q, self.o = linear(DIM, heads * dim), linear(heads * dim, DIM)
        self.k, self.v = linear(DIM, key_value_heads * dim), linear(DIM, key_value_heads * dim)
        self.rotary = Rotary(dim)

    def forward(self, x):
        b, t, _ = x.shape
        q = self.rotary(self.q(x).view(b, t, self.heads, self.dim).transpose(1, 2))
        k = self.rotary(self.k(x).view(b, t, self.key_value_heads, self.dim).transpose(1, 2))
        v = self.v(x).view(b, t, self.key_value_heads, self.dim).transpose(1, 2)
        repeat = self.heads // self.key_value_heads
        y = attend(q, k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1))
        return self.o(y.transpose(1, 2).reshape(b, t, -1))


class LatentAttention(nn.Module):
    def __init__(self, heads=4, query_latent=128, latent=96, plain=48, rotary=16, value=48):
        super().__init__()
        self.heads, self.latent, self.plain, self.rotary_dim, self.value = heads, latent, plain, rotary, value
        self.q_down, self.q_norm = linear(DIM, query_latent), RmsNorm(query_latent)
        self.q_up = linear(query_latent, heads * (plain + rotary))
        self.kv_down, self.kv_norm = linear(DIM, latent + rotary), RmsNorm(latent)
        self.kv_up, self.o = linear(latent, heads * (plain + value)), linear(heads * value, DIM)
        self.rotary = Rotary(rotary)

    def forward(self, x):
        b, t, _ = x.shape
        q = self.q_up(self.q_norm(self.q_down(x))).view(b, t, self.heads, -1).transpose(1, 2)
        q, q_rotary = q.split((self.plain, self.rotary_dim), -1)
        latent, k_rotary = self.kv_down(x).split((self.latent, self.rotary_dim), -1)
        k_rotary = self.rotary(k_rotary.unsqueeze(1)).expand(-1, self.heads, -1, -1)
        kv = self.kv_up(self.kv_norm(latent)).view(b, t, self.heads, -1).transpose(1, 2)
        k, v = kv.split((self.plain, self.value), -1)
        y = attend(torch.cat((q, self.rotary(q_rotary)), -1), torch.cat((k, k_rotary), -1), v)
        return self.o(y.transpose(1, 2).reshape(b, t, -1))


class SwiGlu(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.w1, self.w3, self.w2 = linear(DIM, width), linear(DIM, width), linear(width, DIM)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Experts(nn.Module):
    def __init__(self, routed=16, active=2, width=320):
        super().__init__()
        self.active, self.router = active, linear(DIM, routed)
        self.shared, self.routed = SwiGlu(width), nn.ModuleList(SwiGlu(width) for _ in range(routed))

    def forward(self, x):
        flat = x.reshape(-1, DIM)
        scores = self.router(flat).sigmoid()
        chosen = scores.detach().topk(self.active).indices
        weights = scores.gather(1, chosen)
        weights = weights / weights.sum(-1, keepdim=True)
        routed = torch.zeros_like(flat)
        for i, expert in enumerate(self.routed):
            token, slot = torch.where(chosen == i)
            routed.index_add_(0, token, expert(flat[token]) * weights[token, slot].unsqueeze(-1))
        return (self.shared(flat) + routed).view_as(x)


class Layer(nn.Module):
    def __init__(self, attention, feed_forward):
        super().__init__()
        self.attention, self.feed_forward = attention, feed_forward
        self.norm1, self.norm2 = RmsNorm(DIM), RmsNorm(DIM)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class Model(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.embedding, self.norm = nn.Embedding(VOCABULARY, DIM), RmsNorm(DIM)
        if kind == "dense":
            layers = [Layer(GroupedQueryAttention(), SwiGlu(WIDTH_OF_DENSE)) for _ in range(LAYERS)]
        else:
            layers = [Layer(LatentAttention(), SwiGlu(1024) if i == 0 else Experts()) for i in range(LAYERS)]
        self.layers = nn.ModuleList(layers)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.02)

    def forward(self, tokens):
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x) @ self.embedding.weight.t()


def product_flops():
    left, right = torch.rand(1024, 1024), torch.rand(1024, 1024)
    result = left @ right
    start = time.perf_counter()
    for _ in range(60):
        torch.matmul(left, right, out=result)
    return 2 * 1024**3 * 60 / (time.perf_counter() - start)


def tokens_per_second(kind, steps):
    torch.manual_seed(1)
    model = Model(kind)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    seconds = []
    for step in range(WARM_UP + steps):
        tokens = torch.randint(VOCABULARY, (SEQUENCES, LENGTH + 1))
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        for part in tokens.split(MICRO_BATCH):
            logits = model(part[:, :-1])
            loss = F.cross_entropy(logits.reshape(-1, VOCABULARY), part[:, 1:].reshape(-1))
            (loss * MICRO_BATCH / SEQUENCES).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step >= WARM_UP:
            seconds.append(time.perf_counter() - start)
    return SEQUENCES * LENGTH / statistics.median(seconds), sum(p.numel() for p in model.parameters())


WIDTH_OF_DENSE = 928

if __name__ == "__main__":
    threads, steps, rounds, kinds = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].split(",")
    torch.set_num_threads(threads)
    products, rates, sizes = [], {kind: [] for kind in kinds}, {}
    for _ in range(rounds):
        for kind in kinds:
            products.append(product_flops())
            rate, sizes[kind] = tokens_per_second(kind, steps)
            rates[kind].append(rate)
    print(f"PyTorch {torch.__version__}, threads {threads}; sgemm of 1024 x 1024: {statistics.median(products) / 1e9:.1f} GFLOP/s")
    for kind in kinds:
        print(f"{kind:8} {sizes[kind] / 1e6:.2f} M parameters: {statistics.median(rates[kind]):,.0f} tokens/s")
