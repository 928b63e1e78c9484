"""The entries of transformers: configurations of two or three small layers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import transformers
from torch import nn

from zoo.entry import Entry, Feed, Plain, noise, picture, tokens

_WIDTH = {"hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4}
_BERT = _WIDTH | {"intermediate_size": 512, "vocab_size": 200}
_SMALL = _BERT | {"max_position_embeddings": 64}
_KEYS = _SMALL | {"num_key_value_heads": 2, "use_cache": False}
_GPT = {"n_embd": 128, "n_layer": 3, "n_head": 4, "vocab_size": 200, "n_positions": 64}
_PIXELS = _WIDTH | {"intermediate_size": 512, "image_size": 64, "patch_size": 16}
_T5 = {"d_model": 128, "d_ff": 256, "d_kv": 32, "num_layers": 3, "num_heads": 4, "vocab_size": 200}
_BART = {
    "d_model": 128, "encoder_layers": 3, "encoder_attention_heads": 4, "encoder_ffn_dim": 512,
    "decoder_layers": 1, "vocab_size": 200, "max_position_embeddings": 64,
}  # fmt: skip
_STAGES = {"depths": [1, 1, 2, 1], "hidden_sizes": [32, 64, 96, 128]}
_SOUND = _WIDTH | {
    "intermediate_size": 512, "vocab_size": 32, "conv_dim": (64, 64, 64), "conv_stride": (5, 4, 4),
    "conv_kernel": (10, 8, 4), "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip

_WORDS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", _SMALL),
    "roberta": ("Roberta", _BERT | {"max_position_embeddings": 66}),
    "distilbert": ("DistilBert", {"dim": 128, "hidden_dim": 512, "n_layers": 3, "n_heads": 4,
                                  "vocab_size": 200, "max_position_embeddings": 64}),
    "albert": ("Albert", _SMALL | {"embedding_size": 64}),
    "electra": ("Electra", _SMALL | {"embedding_size": 64}),
    "deberta_v2": ("DebertaV2", _SMALL | {"relative_attention": True, "position_buckets": 16,
                                          "pos_att_type": ["p2c", "c2p"]}),
    "mpnet": ("MPNet", _BERT | {"max_position_embeddings": 66}),
    "gpt2": ("GPT2", _GPT),
    "gpt_neox": ("GPTNeoX", _SMALL),
    "opt": ("OPT", {"hidden_size": 128, "ffn_dim": 512, "num_hidden_layers": 3, "vocab_size": 200,
                    "num_attention_heads": 4, "word_embed_proj_dim": 128,
                    "max_position_embeddings": 64}),
    "bloom": ("Bloom", {"hidden_size": 128, "n_layer": 3, "n_head": 4, "vocab_size": 200}),
    "llama": ("Llama", _KEYS),
    "mistral": ("Mistral", _KEYS | {"sliding_window": 16}),
    "qwen2": ("Qwen2", _KEYS),
    "gemma": ("Gemma", _KEYS | {"head_dim": 32}),
    "phi": ("Phi", _KEYS | {"num_key_value_heads": 4}),
    "falcon": ("Falcon", _WIDTH | {"vocab_size": 200}),
}  # fmt: skip
_VISION: dict[str, tuple[str, dict[str, Any]]] = {
    "hf_vit": ("ViT", _PIXELS),
    "hf_dinov2": ("Dinov2", _PIXELS | {"mlp_ratio": 4}),
    "hf_swin": ("Swin", {"image_size": 64, "patch_size": 4, "embed_dim": 32, "depths": [1, 1],
                         "num_heads": [2, 4], "window_size": 4}),
    "hf_convnext": ("ConvNext", _STAGES),
    "hf_segformer": ("Segformer", {"hidden_sizes": [16, 32, 64, 96], "depths": [1, 1, 1, 1]}),
    "hf_mobilevit": ("MobileViT", {"image_size": 64, "hidden_sizes": [48, 64, 80],
                                   "neck_hidden_sizes": [16, 24, 32, 48, 64, 80, 160]}),
    "hf_resnet": ("ResNet", _STAGES | {"embedding_size": 32, "layer_type": "basic"}),
    "hf_yolos": ("Yolos", _PIXELS | {"image_size": [64, 64], "num_detection_tokens": 10}),
}  # fmt: skip


def language() -> Iterator[Entry]:
    """Words, pictures and sound."""
    for name, (family, given) in _WORDS.items():
        make = partial(_model, family, given)
        yield Entry(f"hf_{name}", "transformers", make, tokens(32, 200), pays=_pays(name))
    for name, (family, given) in _VISION.items():
        yield Entry(name, "transformers", partial(_model, family, given), picture(64))
    yield Entry("hf_t5_encoder", "transformers", _t5, tokens(32, 200))
    yield Entry("hf_bart_encoder", "transformers", _bart, tokens(32, 200))
    yield Entry("hf_whisper_encoder", "transformers", _whisper, noise(80, 96))
    yield Entry("hf_wav2vec2", "transformers", partial(_model, "Wav2Vec2", _SOUND), noise(4000))
    yield Entry("hf_clip_text", "transformers", _clip, tokens(32, 200))
    yield Entry("hf_bert_masked", "transformers", _masked, _with_mask())


def _pays(name: str) -> str:
    return {"gpt2": "fuse_gelu", "llama": "RMSNorm"}.get(name, "")


def _model(family: str, given: dict[str, Any]) -> nn.Module:
    config = getattr(transformers, f"{family}Config")(**given)
    return Plain(getattr(transformers, f"{family}Model")(config), keep=1)


def _t5() -> nn.Module:
    return Plain(transformers.T5EncoderModel(transformers.T5Config(**_T5)), keep=1)


def _bart() -> nn.Module:
    return Plain(transformers.BartModel(transformers.BartConfig(**_BART)).encoder, keep=1)


def _whisper() -> nn.Module:
    given = {k: v for k, v in _BART.items() if k != "max_position_embeddings"}
    config = transformers.WhisperConfig(
        **given, max_source_positions=48, decoder_attention_heads=4, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    return Plain(transformers.WhisperModel(config).encoder, keep=1)


def _clip() -> nn.Module:
    config = transformers.CLIPTextConfig(**_SMALL, eos_token_id=2)
    return Plain(transformers.CLIPTextModel(config), keep=1)


def _masked() -> nn.Module:
    return Plain(transformers.BertModel(transformers.BertConfig(**_SMALL)), keep=2)


def _with_mask() -> tuple[Feed, ...]:
    return (*tokens(32, 200), Feed((1, 32), "token", 2))
