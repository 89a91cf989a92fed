import type { InputMarker, StageDefinition } from '../define.ts'
import type { ClaimOption } from './claims.ts'
import { claimsSchema } from './claims-schema.ts'

/** One retriever, or all variants of one, as it is to be analysed. */
export interface SystemOption {
  label: string
  scores: InputMarker
  curve?: InputMarker
  pairs?: InputMarker
  collection?: string
  baseline: boolean
  ladder?: { of: string; rung: string }
}

/** Options of `analysis` after defaults. */
export interface AnalysisOptions {
  systems: readonly SystemOption[]
  replicates: readonly string[]
  collections?: string
  metrics?: readonly string[]
  contrasts?: readonly { a: string; b: string }[]
  plateau?: { axis: string; delta: number }
  claims?: readonly ClaimOption[]
}

/** Means over replicates, contrasts with significance, plateau, failure signatures: what a sweep shows, in one artifact. */
export const analysis: StageDefinition<AnalysisOptions> = {
  type: 'analysis',
  version: 4,
  description:
    'What the scores of a sweep show: means over replicates, contrasts with significance, plateau, warning signs.',
  thread: 'worker',
  outputs: { analysis: 'analysis' },
  options: {
    type: 'object',
    additionalProperties: false,
    required: ['systems'],
    properties: {
      systems: {
        type: 'array',
        minItems: 1,
        description: 'What is compared.',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['label', 'scores'],
          properties: {
            label: { type: 'string', minLength: 1, maxLength: 80, description: 'The name it has in tables.' },
            scores: {
              description: 'Its scores: of one node, or of all variants of a stage (`${stages.x.scores[*]}`).',
              slot: { accepts: ['scores'], lists: 'labelled' },
            },
            curve: {
              description: 'Training curves of the same variants, which tell whether all were trained equally long.',
              slot: { accepts: ['file', 'folder'], lists: 'labelled' },
            },
            pairs: {
              description: 'Queries that the same variants were trained on, which are looked at for warning signs.',
              slot: { accepts: ['pairs'], lists: 'labelled' },
            },
            collection: {
              type: 'string',
              description: 'What it is measured on, where neither an axis nor the scores name it.',
            },
            baseline: {
              type: 'boolean',
              default: false,
              description:
                'What the others are compared with; the first of several is, where `contrasts` are not given.',
            },
            ladder: {
              type: 'object',
              additionalProperties: false,
              required: ['of', 'rung'],
              description: 'A retriever before or after augmentation: gains are told by how strong it was before.',
              properties: {
                of: { type: 'string', description: 'The label of the same retriever without augmentation.' },
                rung: { type: 'string', description: 'How strong its pre-training is, in a word.' },
              },
            },
          },
        },
      },
      replicates: {
        type: 'array',
        items: { type: 'string' },
        default: ['train_seed'],
        description: 'Axes whose values are further samples of the same: they are folded.',
      },
      collections: { type: 'string', description: 'The axis whose values are the collections that are searched.' },
      metrics: {
        type: 'array',
        minItems: 1,
        uniqueItems: true,
        items: { type: 'string' },
        description: 'The first is what contrasts and the plateau are about. Default: those that all scores have.',
      },
      contrasts: {
        type: 'array',
        minItems: 1,
        description:
          'The family that is tested, by labels of systems (all variants of each are compared with the other, or with its variant of the same values). Default: every system with the first baseline.',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['a', 'b'],
          properties: {
            a: { type: 'string', description: 'Label of a system.' },
            b: { type: 'string', description: 'Label of what it is compared with.' },
          },
        },
      },
      plateau: {
        type: 'object',
        additionalProperties: false,
        required: ['axis'],
        description: 'Asks from which value of an axis on more of it brings no more than `delta`.',
        properties: {
          axis: { type: 'string', description: 'An axis of numbers, such as the share of the corpus.' },
          delta: {
            type: 'number',
            exclusiveMinimum: 0,
            default: 0.01,
            description: 'What may be lost of the metric.',
          },
        },
      },
      claims: claimsSchema,
    },
  },
  check({ systems, contrasts = [], claims = [] }) {
    const labels = new Map<string, number>()
    const problems: { at: string; message: string; advice?: string }[] = []
    for (const [i, { label, collection = '' }] of systems.entries()) {
      const name = JSON.stringify([label, collection])
      if (labels.has(name))
        problems.push({ at: `systems/${i}/label`, message: `${JSON.stringify(label)} stands here twice` })
      labels.set(name, i)
    }
    const known = [...new Set(systems.map(({ label }) => label))]
    const unknown = (at: string, label: string): void => {
      if (known.includes(label)) return
      problems.push({
        at,
        message: `no system is called ${JSON.stringify(label)}`,
        advice: `There are ${known.map((name) => JSON.stringify(name)).join(', ')}.`,
      })
    }
    for (const [i, { a, b }] of contrasts.entries()) {
      unknown(`contrasts/${i}/a`, a)
      unknown(`contrasts/${i}/b`, b)
    }
    for (const [i, { all }] of claims.entries())
      for (const [j, one] of all.entries()) {
        for (const side of ['plus', 'minus'] as const)
          for (const [k, { system }] of one[side].entries()) unknown(`claims/${i}/all/${j}/${side}/${k}/system`, system)
        if (one.above === undefined && one.below === undefined)
          problems.push({
            at: `claims/${i}/all/${j}`,
            message: 'nothing is claimed of this difference',
            advice: 'Add `above: 0`, or `below: 0.01`, or both.',
          })
      }
    for (const [i, { ladder }] of systems.entries()) if (ladder) unknown(`systems/${i}/ladder/of`, ladder.of)
    return problems
  },
  async run(context) {
    const { run } = await import('./run.ts')
    return run(context)
  },
}
