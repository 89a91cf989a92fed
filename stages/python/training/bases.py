"""Where training starts: a folder, a transformer with random weights, or one whose top layers are drawn anew."""

import tempfile
from pathlib import Path

import torch

from .events import Refusal
from .loading import load_encoder

SPECIAL = {
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "mask_token": "[MASK]",
}


def open_base(plan: dict):
    """The model before its first step. All that is random comes from the plan's seed."""
    torch.manual_seed(plan["seed"])
    if "random" in plan:
        model = random_transformer(plan["random"], plan["tokenizer"])
    else:
        model = load_encoder(plan["model"], trust_remote_code=plan.get("trust_remote_code", False))
    if not hasattr(model[0], "auto_model"):
        raise Refusal("the base is not a transformer", "Static models are trained in-process: name it as `static:…`.")
    if plan.get("reinitialise"):
        reinitialise(model[0].auto_model, plan["reinitialise"])
    return model


def random_transformer(shape: dict, tokenizer_file: str):
    """A BERT of the given shape with the tokenizer of a file; mean pooling."""
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    tokenizer = Tokenizer.from_file(tokenizer_file)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    special = {name: token for name, token in SPECIAL.items() if tokenizer.token_to_id(token) is not None}
    if len(special) < len(SPECIAL):
        missing = ", ".join(token for token in SPECIAL.values() if token not in special.values())
        raise Refusal(
            f"the tokenizer has no {missing}", "A transformer needs these tokens: take a tokenizer of BERT's kind."
        )
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    positions = shape["max_length"]
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=shape["hidden"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        intermediate_size=4 * shape["hidden"],
        max_position_embeddings=positions,
        hidden_dropout_prob=shape["dropout"],
        attention_probs_dropout_prob=shape["dropout"],
        pad_token_id=tokenizer.token_to_id("[PAD]"),
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=positions, **special)
    with tempfile.TemporaryDirectory() as folder:
        BertModel(config).save_pretrained(folder)
        fast.save_pretrained(folder)
        return load_encoder(Path(folder))


def reinitialise(transformer, top: int) -> None:
    """Draws the top layers' weights anew, as the architecture does at its very start."""
    layers = layers_of(transformer)
    if top > len(layers):
        raise Refusal(f"the base has {len(layers)} layers, and {top} are to be drawn anew", "Ask for fewer.")
    for layer in layers[len(layers) - top :]:
        for module in layer.modules():
            if hasattr(module, "_is_hf_initialized"):
                del module._is_hf_initialized
            for parameter in module.parameters(recurse=False):
                if hasattr(parameter, "_is_hf_initialized"):
                    del parameter._is_hf_initialized
            transformer._init_weights(module)


def layers_of(transformer):
    for path in ("encoder.layer", "layers", "encoder.layers", "h", "transformer.layer", "encoder.block"):
        found = transformer
        for name in path.split("."):
            found = getattr(found, name, None)
        if isinstance(found, torch.nn.ModuleList):
            return found
    raise Refusal("the layers of this architecture are not known here", "Take a base of BERT's kind for this.")
