"""Forward and backward of Hugging Face's DeepseekV3ForCausalLM at the sizes of conf/models, bfloat16, on one GPU."""

import sys

import torch
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

SIZES = {
    "small": (32, 512, dict(
        vocab_size=8192, hidden_size=256, intermediate_size=1024, moe_intermediate_size=320, num_hidden_layers=6,
        num_attention_heads=4, num_key_value_heads=4, n_shared_experts=1, n_routed_experts=16, num_experts_per_tok=2,
        n_group=1, topk_group=1, first_k_dense_replace=1, q_lora_rank=128, kv_lora_rank=96, qk_nope_head_dim=48,
        qk_rope_head_dim=16, v_head_dim=48, max_position_embeddings=512, routed_scaling_factor=1.0)),
    "1b": (8, 4096, dict(
        vocab_size=32768, hidden_size=1024, intermediate_size=2816, moe_intermediate_size=256, num_hidden_layers=19,
        num_attention_heads=16, num_key_value_heads=16, n_shared_experts=1, n_routed_experts=64, num_experts_per_tok=6,
        n_group=1, topk_group=1, first_k_dense_replace=1, q_lora_rank=512, kv_lora_rank=256, qk_nope_head_dim=64,
        qk_rope_head_dim=32, v_head_dim=64, max_position_embeddings=4096, routed_scaling_factor=2.5)),
}
WARM_UP, ROUNDS = 3, 10

sequences, length, sizes = SIZES[sys.argv[1]]
model = DeepseekV3ForCausalLM(DeepseekV3Config(tie_word_embeddings=True, use_cache=False, **sizes))
model = model.to(torch.bfloat16).cuda().train()
ids = torch.randint(0, sizes["vocab_size"], (sequences, length), device="cuda")
events = [torch.cuda.Event(enable_timing=True) for _ in range(ROUNDS + 1)]
for step in range(-WARM_UP, ROUNDS + 1):
    if step >= 0:
        events[step].record()
    if step < ROUNDS:
        model.zero_grad(set_to_none=False)
        model(input_ids=ids, labels=ids).loss.backward()
torch.cuda.synchronize()
milliseconds = sorted(start.elapsed_time(end) for start, end in zip(events, events[1:]))
rate = sequences * length / milliseconds[ROUNDS // 2] * 1000
print(f"Hugging Face, {sys.argv[1]}, bf16, {sequences} x {length} tokens: {rate:,.0f} tokens/s forward and backward")
