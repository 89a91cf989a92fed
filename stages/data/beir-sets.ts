/** A collection that BEIR publishes as a zip archive. */
export interface BeirSet {
  /** Of the archive, as BEIR's table gives it. */
  md5: string
  /** Splits that the archive has judgements for. */
  splits: readonly string[]
  /** Collections that it holds, where there are several. */
  members?: readonly string[]
}

/** Where BEIR publishes them: NAME.zip below this. */
export const BEIR_BASE = 'https://public.ukp.informatik.tu-darmstadt.de/thakur/BEIR/datasets'

const ALL = ['dev', 'test', 'train']
const FORUMS = [
  'android',
  'english',
  'gaming',
  'gis',
  'mathematica',
  'physics',
  'programmers',
  'stats',
  'tex',
  'unix',
  'webmasters',
  'wordpress',
]

/** The public collections of BEIR by name; digests from its README (github.com/beir-cellar/beir). */
export const BEIR_SETS: { readonly [name: string]: BeirSet } = {
  arguana: { md5: '8ad3e3c2a5867cdced806d6503f29b99', splits: ['test'] },
  'climate-fever': { md5: '8b66f0a9126c521bae2bde127b4dc99d', splits: ['test'] },
  cqadupstack: { md5: '4e41456d7df8ee7760a7f866133bda78', splits: ['test'], members: FORUMS },
  'dbpedia-entity': { md5: 'c2a39eb420a3164af735795df012ac2c', splits: ['dev', 'test'] },
  fever: { md5: '5a818580227bfb4b35bb6fa46d9b6c03', splits: ALL },
  fiqa: { md5: '17918ed23cd04fb15047f73e6c3bd9d9', splits: ALL },
  hotpotqa: { md5: 'f412724f78b0d91183a0e86805e16114', splits: ALL },
  msmarco: { md5: '444067daf65d982533ea17ebd59501e4', splits: ALL },
  nfcorpus: { md5: 'a89dba18a62ef92f7d323ec890a0d38d', splits: ALL },
  nq: { md5: 'd4d3d2e48787a744b6f6e691ff534307', splits: ['test'] },
  quora: { md5: '18fb154900ba42a600f84b839c173167', splits: ['dev', 'test'] },
  scidocs: { md5: '38121350fc3a4d2f48850f6aff52e4a9', splits: ['test'] },
  scifact: { md5: '5f7d1de60b170fc8027bb7898e2efca1', splits: ['test', 'train'] },
  'trec-covid': { md5: 'ce62140cb23feb9becf6270d0d1fe6d1', splits: ['test'] },
  'webis-touche2020': { md5: '46f650ba5a527fc69e0a6521c5a23563', splits: ['test'] },
}
