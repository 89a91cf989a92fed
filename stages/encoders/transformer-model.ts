import type { CanonicalValue } from '../../cache/canonical.ts'
import { type Json, StageError } from '../define.ts'
import { parseManifest } from '../retrieval/model-manifest.ts'
import type { ModelFile } from '../retrieval/static-model.ts'
import { type Conventions, conventionsOf, type Prefixes, prefixesFor } from './conventions.ts'
import { digestOf, EncoderFolder, isMap, type JsonMap, type Module, modulesOf } from './encoder-folder.ts'
import { POOLINGS, type Pooling } from './pooling.ts'

/** A linear layer behind the pooling. */
interface Dense {
  weights: ModelFile
  bias: boolean
  activation: 'identity' | 'tanh'
}

/** Everything that decides the vector of a text: plain data, so that it can be handed to threads. */
export interface TransformerModel {
  onnx: ModelFile
  tokenizer: ModelFile
  tokenizerConfig: JsonMap
  /** Of tokens, special ones included. */
  maxLength: number
  lowerCase: boolean
  /** Several are joined. Empty: the graph gives whole vectors. */
  poolings: readonly Pooling[]
  dense: readonly Dense[]
  /** Vectors have length 1. */
  normalize: boolean
  similarity: 'cosine' | 'dot'
  prefixes: Prefixes
  family: string | undefined
  /** Nothing says with which prefixes it was trained, nor that there are none. */
  isUnknown: boolean
  /** Of the vectors, where the folder tells. */
  dimensions: number | undefined
}

/** What a pipeline may say over what the folder says. */
export interface EncoderOptions {
  /** Path of the ONNX graph in the folder. */
  file?: string | undefined
  /** Family of the model, or `none`. */
  conventions?: string | undefined
  prefixes?: Partial<Prefixes> | undefined
  max_length?: number | undefined
  pooling?: Pooling | undefined
  similarity?: 'cosine' | 'dot' | undefined
  /** What else may tell the family: a repository, a package. */
  names?: readonly string[] | undefined
}

/** Reads the conventions of a transformer encoder; whatever can't be followed exactly is a StageError. */
export async function readTransformer(
  files: readonly ModelFile[],
  options: EncoderOptions = {},
): Promise<TransformerModel> {
  const folder = new EncoderFolder(files)
  const modules = await modulesOf(folder)
  const [transformer, ...rest] = modules
  if (transformer?.type !== 'Transformer') throw unsupported(modules)
  const chain = await readChain(folder, rest, modules, options.pooling)
  const config = await folder.map(transformer.inside('config.json'))
  const stated = await folder.map('config_sentence_transformers.json')
  const own = folder.has('queryloom.json') ? parseManifest(await folder.text('queryloom.json')) : undefined
  const family = familyOf(options, config)
  const prefixes = { ...statedPrefixes(stated), ...own?.prefixes }
  const tokenizerConfig = await folder.map(transformer.inside('tokenizer_config.json'))
  const bert = await folder.map(transformer.inside('sentence_bert_config.json'))
  const similarity = options.similarity ?? own?.similarity ?? statedSimilarity(stated) ?? family?.similarity ?? 'cosine'
  const hidden = numberIn(config, 'hidden_size') ?? numberIn(config, 'dim') ?? numberIn(config, 'd_model')
  return {
    onnx: graphOf(folder, options.file),
    tokenizer: folder.file(transformer.inside('tokenizer.json')),
    tokenizerConfig,
    maxLength: options.max_length ?? numberIn(bert, 'max_seq_length') ?? longestInput(config, tokenizerConfig),
    lowerCase: bert.do_lower_case === true,
    ...chain,
    normalize: chain.normalize || similarity === 'cosine',
    similarity,
    prefixes: prefixesFor(family, prefixes, options.prefixes),
    family: family?.name,
    isUnknown: [family, own, options.conventions, options.prefixes, prefixes.query].every((said) => said === undefined),
    dimensions: chain.dimensions ?? (hidden === undefined ? undefined : hidden * chain.poolings.length),
  }
}

/** What decides the vector of a text beside the text with its prefix: the identity of its embeddings. */
export async function transformerIdentity(model: TransformerModel): Promise<CanonicalValue> {
  const dense = model.dense.map(async ({ weights, bias, activation }) => ({
    weights: await digestOf(weights),
    bias,
    activation,
  }))
  return {
    type: 'transformer',
    graph: await digestOf(model.onnx),
    tokenizer: await digestOf(model.tokenizer),
    tokenizer_config: model.tokenizerConfig as CanonicalValue,
    max_length: model.maxLength,
    lower_case: model.lowerCase,
    poolings: model.poolings,
    dense: await Promise.all(dense),
    normalize: model.normalize,
    precision: 'float32',
  }
}

type Chain = Pick<TransformerModel, 'poolings' | 'dense' | 'normalize' | 'dimensions'>

/** What follows the transformer: a pooling, linear layers, a normalisation. */
async function readChain(
  folder: EncoderFolder,
  rest: readonly Module[],
  modules: readonly Module[],
  written: Pooling | undefined,
): Promise<Chain> {
  const chain: { -readonly [member in keyof Chain]: Chain[member] } = {
    poolings: ['mean'],
    dense: [],
    normalize: false,
    dimensions: undefined,
  }
  for (const [i, module] of rest.entries()) {
    if (chain.normalize) throw unsupported(modules)
    const where = module.inside('config.json')
    const config = await folder.map(where)
    if (module.type === 'Pooling' && i === 0) {
      chain.poolings = poolingsOf(config, where)
      const width = numberIn(config, 'embedding_dimension') ?? numberIn(config, 'word_embedding_dimension')
      if (width !== undefined) chain.dimensions = width * chain.poolings.length
    } else if (module.type === 'Dense' && i > 0) {
      chain.dense = [...chain.dense, denseOf(folder, module, config, where)]
      chain.dimensions = numberIn(config, 'out_features')
    } else if (module.type === 'Normalize') chain.normalize = true
    else if (module.type !== 'Dropout') throw unsupported(modules)
  }
  if (written !== undefined && chain.dense.length === 0) {
    const width = chain.dimensions === undefined ? undefined : chain.dimensions / chain.poolings.length
    return { ...chain, poolings: [written], dimensions: width }
  }
  return chain
}

function poolingsOf(config: JsonMap, where: string): Pooling[] {
  if (config.include_prompt === false)
    throw new StageError('its pooling leaves out the prompt, which is not supported', { where })
  const mode = config.pooling_mode
  const named = typeof mode === 'string' ? [mode] : Array.isArray(mode) ? mode.map(String) : flaggedPoolings(config)
  const known = named.map((name) => POOLINGS.find((pooling) => pooling === name))
  if (known.length === 0 || known.includes(undefined))
    throw new StageError(`unknown pooling: ${named.join(', ') || 'none'}`, {
      where,
      advice: `Known are ${POOLINGS.join(', ')}.`,
    })
  return known as Pooling[]
}

/** In the order in which SentenceTransformers joins them. */
function flaggedPoolings(config: JsonMap): string[] {
  const flags: readonly [flag: string, pooling: string][] = [
    ['cls_token', 'cls'],
    ['max_tokens', 'max'],
    ['mean_tokens', 'mean'],
    ['mean_sqrt_len_tokens', 'mean_sqrt_len_tokens'],
    ['weightedmean_tokens', 'weightedmean'],
    ['lasttoken', 'lasttoken'],
  ]
  return flags.filter(([flag]) => config[`pooling_mode_${flag}`] === true).map(([, pooling]) => pooling)
}

function denseOf(folder: EncoderFolder, module: Module, config: JsonMap, where: string): Dense {
  const activation = String(config.activation_function ?? '')
    .split('.')
    .at(-1)
  if (activation !== 'Identity' && activation !== 'Tanh')
    throw new StageError(`a dense layer with the activation ${activation} is not supported`, {
      where,
      advice: 'Identity and Tanh are.',
    })
  const weights = module.inside('model.safetensors')
  if (!folder.has(weights))
    throw new StageError(`the dense layer has no ${weights}`, {
      where,
      advice: 'Weights are read from safetensors only; save the model anew with a current SentenceTransformers.',
    })
  return {
    weights: folder.file(weights),
    bias: config.bias !== false,
    activation: activation === 'Tanh' ? 'tanh' : 'identity',
  }
}

function familyOf({ conventions, names = [] }: EncoderOptions, config: JsonMap): Conventions | undefined {
  if (conventions === 'none') return undefined
  if (conventions !== undefined) return conventionsOf([conventions])
  return conventionsOf([...names, ...(typeof config._name_or_path === 'string' ? [config._name_or_path] : [])])
}

function statedSimilarity(stated: JsonMap): 'cosine' | 'dot' | undefined {
  const name = stated.similarity_fn_name
  if (name === undefined || name === null) return undefined
  if (name === 'cosine' || name === 'dot') return name
  if (name === 'dot_product') return 'dot'
  throw new StageError(`the model is compared by ${JSON.stringify(name)}`, {
    where: 'config_sentence_transformers.json',
    advice: 'Passages are ranked by cosine or dot product; say `similarity` to use it all the same.',
  })
}

function statedPrefixes(stated: JsonMap): Partial<Prefixes> {
  const { prompts, default_prompt_name: byDefault } = stated
  if (!isMap(prompts)) return {}
  const text = (...names: string[]): string | undefined => {
    for (const name of names) if (typeof prompts[name] === 'string') return prompts[name]
    return undefined
  }
  const fallback = typeof byDefault === 'string' ? text(byDefault) : undefined
  const query = text('query') ?? fallback
  const passage = text('document', 'passage', 'corpus') ?? fallback
  // SentenceTransformers writes both names with empty texts into models that have none.
  if (!query && !passage) return {}
  return { query: query ?? '', passage: passage ?? '' }
}

/** The longest input of a transformer whose folder names no shorter one. */
export function longestInput(config: JsonMap, tokenizer: JsonMap): number {
  const positions = numberIn(config, 'max_position_embeddings') ?? Number.POSITIVE_INFINITY
  // Positions of RoBERTa begin behind the id of its padding.
  const begins = /roberta|camembert|mpnet/.test(String(config.model_type))
    ? (numberIn(config, 'pad_token_id') ?? 1) + 1
    : 0
  const most = Math.min(positions - begins, numberIn(tokenizer, 'model_max_length') ?? Number.POSITIVE_INFINITY)
  return Number.isFinite(most) && most < 1e6 ? most : 512
}

/** The graph that was named, or the one that there is. */
export function graphOf(folder: EncoderFolder, written: string | undefined): ModelFile {
  if (written !== undefined) return folder.file(written)
  const usual = ['onnx/model.onnx', 'model.onnx'].find((path) => folder.has(path))
  if (usual !== undefined) return folder.file(usual)
  const graphs = folder.paths().filter((path) => path.endsWith('.onnx'))
  if (graphs.length === 1) return folder.file(graphs[0]!)
  throw new StageError(graphs.length === 0 ? 'the model has no ONNX graph' : 'the model has several ONNX graphs', {
    advice:
      graphs.length === 0
        ? 'Expected is onnx/model.onnx beside its tokenizer.json.'
        : `Name one with \`file\`: ${graphs.join(', ')}.`,
  })
}

function unsupported(modules: readonly Module[]): StageError {
  return new StageError(
    `not an encoder that can be run here: its modules are ${modules.map(({ type }) => type).join(', ')}`,
    {
      where: 'modules.json',
      advice:
        'A Transformer, a Pooling, Dense layers and a Normalize can follow each other, or a StaticEmbedding stands alone.',
    },
  )
}

function numberIn(map: JsonMap, name: string): number | undefined {
  const value: Json | undefined = map[name]
  return typeof value === 'number' ? value : undefined
}
