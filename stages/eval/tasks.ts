/** A collection that BEIR and MTEB know. */
export interface Task {
  /** Kind of task in BEIR's paper, by which means are taken. */
  group: string
  /** The collection that it is a part of, whose parts are averaged before anything else. */
  within?: string
  /** Commit of the collection on the hub that MTEB pins. */
  revision: string
  /** A query may be a passage too, which MTEB leaves out of the query's results. */
  self: boolean
}

/** By the names of MTEB 2.26. */
export const TASKS: { readonly [name: string]: Task } = {
  ArguAna: { group: 'Argument retrieval', revision: 'c22ab2a51041ffd869aaddef7af8d8215647e41a', self: true },
  ClimateFEVER: { group: 'Fact checking', revision: '47f2ac6acb640fc46020b02a5b59fdda04d39380', self: false },
  DBPedia: { group: 'Entity retrieval', revision: 'c0f706b76e590d620bd6618b3ca8efdd34e2d659', self: false },
  FEVER: { group: 'Fact checking', revision: 'bea83ef9e8fb933d90a2f1d5515737465d613e12', self: true },
  FiQA2018: { group: 'Question answering', revision: '27a168819829fe9bcd655c2df245fb19452e8e06', self: true },
  HotpotQA: { group: 'Question answering', revision: 'ab518f4d6fcca38d87c25209f94beba119d02014', self: false },
  MSMARCO: { group: 'Passage retrieval', revision: 'c5a29a104738b98a9e76336939199e264163d4a0', self: true },
  NFCorpus: { group: 'Bio-medical retrieval', revision: 'ec0fa4fe99da2ff19ca1214b7966684033a58814', self: false },
  NQ: { group: 'Question answering', revision: 'b774495ed302d8c44a3a7ea25c90dbce03968f31', self: false },
  QuoraRetrieval: {
    group: 'Duplicate-question retrieval',
    revision: 'e4e08e0b7dbe3c8700f0daef558ff32256715259',
    self: true,
  },
  SCIDOCS: { group: 'Citation prediction', revision: 'f8c2fcf00f625baaa80f62ec5bd9e1fff3b8ae88', self: false },
  SciFact: { group: 'Fact checking', revision: 'd56462d0e63a25450459c4f213e49ffdb866f7f9', self: false },
  Touche2020: { group: 'Argument retrieval', revision: 'a34f9a33db75fa0cbb21bb5cfc3dae8dc8bec93f', self: false },
  TRECCOVID: { group: 'Bio-medical retrieval', revision: 'bb9466bac8153a0349341eb1b22e06409e78ef4e', self: false },
  ...Object.fromEntries(
    Object.entries({
      Android: '9be4c0e46342e8e3aff577a89b9a1ec9bc6b4af3',
      English: 'ad9991cb51e31e31e430383c75ffb2885547b5f0',
      Gaming: '4885aa143210c98657558c04aaf3dc47cfb54340',
      Gis: '5003b3064772da1887988e05400cf3806fe491f2',
      Mathematica: '90fceea13679c63fe563ded68f3b6f06e50061de',
      Physics: '79531abbd1fb92d06c6d6315a0cbbbf5bb247ea4',
      Programmers: '6184bc1440d2dbc7612be22b50686b8826d22b32',
      Stats: '65ac3a16b8e91f9cee4c9828cc7c335575432a2a',
      Tex: '46989137a86843e03a6195de44b09deda022eec7',
      Unix: '6c6430d3a6d36f8d2a829195bc5dc94d7e063e53',
      Webmasters: '160c094312a0e1facb97e55eeddb698c0abe3571',
      Wordpress: '4ffe81d471b1924886b33c7567bfb200e9eec5c4',
    }).map(([forum, revision]): [string, Task] => [
      `CQADupstack${forum}Retrieval`,
      { group: 'Duplicate-question retrieval', within: 'CQADupStack', revision, self: false },
    ]),
  ),
}
