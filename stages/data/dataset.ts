import type { OptionsSchema, Registry } from '../define.ts'
import { fetched } from './fetched.ts'
import { resolve } from './resolve.ts'

const columns: OptionsSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'Names of columns (or JSON members; dots lead into objects), where they are not the usual ones.',
  properties: {
    id: { type: 'string', description: 'The id of a passage or query.' },
    title: { type: 'string', description: 'The title of a passage.' },
    text: { type: 'string', description: 'The text of a passage or query.' },
    query: { type: 'string', description: 'The id of the query of a judgement.' },
    passage: { type: 'string', description: 'The id of the passage of a judgement.' },
    relevance: { type: 'string', description: 'The relevance of a judgement, a whole number.' },
  },
}

const digest: OptionsSchema = {
  type: 'string',
  pattern: '^(sha256:[0-9a-fA-F]{64}|md5:[0-9a-fA-F]{32})$',
  description: 'What the file must be, `sha256:…` or `md5:…`; checked before it is used, and part of the key.',
}

const quoted: OptionsSchema = {
  type: 'boolean',
  description: 'Whether fields of a .tsv may stand in quotes, as spreadsheets write them. A .csv always has them.',
}

const KINDS = '.jsonl, .csv, .tsv (each also with .gz) or .parquet'

/** One part of a collection: a place, or a place and how it is read. */
function partSchema(what: string): OptionsSchema {
  const place = `File of ${what} (${KINDS}), an https address, or hf:OWNER/NAME@COMMIT#PATH`
  return {
    description: `${place}; instead of that of \`source\`.`,
    oneOf: [
      { type: 'string', relative: true, description: `${place}.` },
      {
        type: 'object',
        additionalProperties: false,
        required: ['source'],
        properties: { source: { type: 'string', relative: true, description: `${place}.` }, digest, columns, quoted },
      },
    ],
  }
}

const schema: OptionsSchema = {
  type: 'object',
  description: 'A collection: passages, and where it has them queries and relevance judgements.',
  additionalProperties: false,
  properties: {
    source: {
      type: 'string',
      relative: true,
      description: `A folder or .zip as BEIR has them (corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv) or as MS MARCO; a folder of text and Markdown files; a file of passages (${KINDS}); beir:NAME for a collection that BEIR publishes; hf:OWNER/NAME@COMMIT for one of a hub; an https address.`,
    },
    digest,
    mirror: {
      type: 'string',
      relative: true,
      description:
        'Folder or address that has the archive of `beir:NAME` as NAME.zip, instead of where BEIR publishes it.',
    },
    splits: {
      type: 'array',
      items: { type: 'string', pattern: '^[A-Za-z0-9_][A-Za-z0-9_-]*$' },
      uniqueItems: true,
      description: 'Splits that a source has judgements for which is not on this machine: hf: and https addresses.',
    },
    columns,
    quoted,
    corpus: partSchema('passages'),
    queries: partSchema('queries'),
    qrels: {
      type: 'object',
      description: 'Judgements by split (BEIR, TREC with four columns, or named columns), beside those of `source`.',
      additionalProperties: partSchema('judgements'),
    },
  },
}

/** The `datasets` member of the registry: the form of a dataset block, where the files of one lie, how they get here. */
export const datasets: Registry['datasets'] = {
  schema,
  resolve,
  fetched,
  survey: async (block, folder) => (await import('./survey.ts')).surveyCollection(block, folder),
  fetch: async (part, services) => (await import('./fetch.ts')).fetchPart(part, services),
  texts: async (source, part, wanted) => (await import('./show.ts')).textsOf(source, part, wanted),
  judgements: async (source, wanted) => (await import('./show.ts')).judgementsOf(source, wanted),
}
