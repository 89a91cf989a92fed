import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadPipeline } from '../../../engine/parse/load.ts'
import { loadGraph } from '../../../engine/plan/load-graph.ts'
import { fakeRegistry } from './fake-registry.ts'
import { Project, told } from './project.ts'

const MINIMAL = 'version: 1\nstages:\n  a: { uses: command, with: { run: x } }\n'

function problems(text: string | Uint8Array): string[] {
  const project = new Project()
  const file = project.write('pipeline.yaml', text)
  return told(loadGraph(file, { registry: fakeRegistry }).diagnostics, project.folder)
}

describe('files that are no pipeline', () => {
  test('a missing file and a folder are said to be that', () => {
    const project = new Project()
    const codes = (name: string) => loadPipeline(project.path(name), { registry: fakeRegistry }).diagnostics[0]?.code
    expect(codes('none.yaml')).toBe('file-missing')
    expect(codes('.queryloom')).toBe('file-unreadable')
  })

  test.each<[string, string | Uint8Array, string]>([
    ['empty', '', '1:1 yaml-syntax the file holds nothing'],
    ['only a comment', '# x\n', '1:1 yaml-syntax the file holds nothing'],
    ['a list', '- 1\n', '1:1 wrong-type this must be a map, but is a list'],
    ['UTF-16', Buffer.from('\uFEFFversion: 1', 'utf16le'), '1:1 file-unreadable the file is UTF-16'],
    ['invalid UTF-8', Buffer.from([0x61, 0x0a, 0xff]), '2:1 file-unreadable this line is not valid UTF-8'],
    ['a NUL', 'version: \0', '1:10 yaml-syntax there is a control character (U+0000) here'],
    ['a second document', `${MINIMAL}---\n${MINIMAL}`, '4:1 yaml-syntax a second document begins here'],
    ['YAML 1.1', `%YAML 1.1\n---\n${MINIMAL}`, '1:1 yaml-syntax YAML 1.1 is not read, only YAML 1.2'],
    ['a tab', 'version: 1\nstages:\n\ta: 1\n', '3:1 yaml-syntax a tab can not indent'],
    ['too large', `# ${'x'.repeat(8_388_608)}`, '1:1 too-large the file has 8388610 bytes; at most 8388608 are read'],
    ['nested deeply', `a: ${'['.repeat(70)}${']'.repeat(70)}`, '1:67 too-large nested deeper than 64 levels'],
    ['nested beyond the parser', '['.repeat(50_000), '1:257 too-large the file is nested too deeply'],
    ['an alias in its own anchor', 'a: &a [*a]\n', '1:8 yaml-syntax this alias stands inside its own anchor'],
  ])('%s', (_, text, problem) => {
    expect(problems(text).find((line) => line.startsWith(problem))).toBeDefined()
  })

  test('an alias bomb is refused', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 9; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      )
    expect(problems(lines.join('\n')).some((line) => line.includes('more than 500000 values'))).toBe(true)
  })

  test('whatever a file holds, there is an answer and no exception', () => {
    const project = new Project()
    const word = fc.constantFrom(
      ...[
        'version: 1\n',
        'stages:',
        'params:',
        'sweep:',
        '\n',
        '  ',
        '- ',
        '{',
        '}',
        '[',
        ']',
        ':',
        '&a ',
        '*a',
        '<<: ',
        '!x ',
      ],
      ...[
        '${params.x}',
        '$${',
        '${',
        '"',
        "'",
        '|\n',
        'a',
        'uses: write',
        'with:',
        '1',
        'null',
        '#',
        '\t',
        '\u{1f600}',
        'axes:',
      ],
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(word, { maxLength: 40 }).map((words) => words.join('')),
          fc.string(),
        ),
        (text) => {
          const { graph, diagnostics } = project.load(text)
          expect(graph !== undefined || diagnostics.length > 0).toBe(true)
        },
      ),
      { seed: 3, numRuns: 400 },
    )
  })

  test('whatever stands in a valid YAML file, there is an answer and no exception', () => {
    const project = new Project()
    const names = fc.constantFrom(
      'a',
      'b',
      'uses',
      'with',
      'pairs',
      'passages',
      'run',
      'inputs',
      'params',
      'axes',
      'from',
    )
    const leaf = fc.constantFrom<unknown>(
      ...[
        1,
        true,
        null,
        'command',
        'write',
        'data',
        '${stages.a.pairs}',
        '${stages.b.out}',
        '${params.a}',
        'x',
        '*.yaml',
      ],
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'medium', withCrossShrink: true },
        leaf,
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(names, tie('tree'), { maxKeys: 4 }),
      ),
    }))
    const section = fc.dictionary(names, tree, { maxKeys: 3 })
    const document = fc.record(
      { version: fc.constant(1), params: section, datasets: section, models: section, stages: section, sweep: section },
      { requiredKeys: ['version', 'stages'] },
    )
    fc.assert(
      fc.property(document, (value) => {
        const { graph, diagnostics } = project.load(JSON.stringify(value))
        expect(graph !== undefined || diagnostics.length > 0).toBe(true)
      }),
      { seed: 5, numRuns: 400 },
    )
  })
})

describe('what is read', () => {
  test('a byte order mark and CRLF change nothing', () => {
    expect(problems(`\uFEFF${MINIMAL.replaceAll('\n', '\r\n')}`)).toEqual([])
    expect(problems('version: 1\r\nstages:\r\n  a: { uses: nothing }\r\n')).toEqual([
      '3:14 unknown-stage-type there is no stage type `nothing`',
    ])
  })

  test('the name is that of the file if none is given, and empty sections are no error', () => {
    const { pipeline, diagnostics } = new Project().load(`${MINIMAL}params:\ndatasets:\nmodels:\nsweep:\nreport:\n`)
    expect(diagnostics).toEqual([])
    expect(pipeline?.name).toBe('pipeline')
  })

  test('the root is the nearest folder with .queryloom or .git', () => {
    const project = new Project({ 'sub/deep/p.yaml': MINIMAL, 'sub/.git/HEAD': '' })
    const { pipeline } = loadPipeline(project.path('sub/deep/p.yaml'), { registry: fakeRegistry })
    expect(pipeline?.root).toBe(project.path('sub'))
    expect(new Project().load(MINIMAL).pipeline?.root).not.toBe(project.path('sub'))
  })

  test('values through merge keys and aliases are located where they stand', () => {
    const { pipeline } = new Project().load(
      [
        'version: 1',
        'params:',
        '  base: &base { one: 1, two: 2 }',
        '  more: { <<: *base, two: 3 }',
        '  list: [*base]',
        MINIMAL.slice(11),
      ].join('\n'),
    )
    const line = (...path: (string | number)[]) => pipeline?.locate(path).line
    expect(pipeline?.params.more?.value).toEqual({ one: 1, two: 3 })
    expect([line('params', 'more', 'one'), line('params', 'more', 'two'), line('params', 'list', 0, 'two')]).toEqual([
      3, 4, 3,
    ])
    expect(pipeline?.locate(['params', 'more', 'two'], 'key')).toMatchObject({ line: 4, column: 22, length: 3 })
    expect(pipeline?.locate(['params', 'none', 'at', 'all'])).toMatchObject({ line: 2, column: 1 })
  })

  test('a reference is found in quoted, folded and escaped texts', () => {
    const text = (run: string) => `version: 1\nstages:\n  a:\n    uses: command\n    with:\n      run: ${run}\n`
    const at = (run: string) => problems(text(run)).map((line) => line.split(' ')[0])
    expect(at('a ${params.x} b ${params.y}')).toEqual(
      ['6:14', '6:28'].map((place) => place.replace('14', '14').replace('28', '28')),
    )
    expect(at('"\\t\\"${params.x}"')).toEqual(['6:17'])
    expect(at("'it''s ${params.x}'")).toEqual(['6:19'])
    expect(at('>\n        one\n        two ${params.x}')).toEqual(['8:13'])
  })
})

describe('-p', () => {
  const TEXT =
    'version: 1\nparams: { a: x, b: 2, scale: 0.5 }\nstages:\n  s: { uses: command, with: { run: "${params.a}" } }\n'
  const given = (a: string) => new Project().load(TEXT, { params: { a } }).pipeline?.params.a?.value

  test.each<[string, unknown]>([
    ['3', 3],
    ['0.5', 0.5],
    ['true', true],
    ['null', null],
    ['', ''],
    ['no', 'no'],
    ['"3"', '3'],
    ["'a: b'", 'a: b'],
    ['[1, x]', [1, 'x']],
    ['{k: 2}', { k: 2 }],
    ['a: b', 'a: b'],
    ['*.txt', '*.txt'],
    ['&x y', '&x y'],
    ['#5', '#5'],
    ['a # b', 'a # b'],
    ['- 1', '- 1'],
    ['!x', '!x'],
    ['../data/scifact', '../data/scifact'],
    ['12345678901234567890', '12345678901234567890'],
    ['$${x}', '$${x}'],
    ['${models.m}', '${models.m}'],
  ])('%s', (text, value) => {
    expect(given(text)).toEqual(value)
  })

  test('an unknown param, a broken value and an unknown reference are errors of the command line', () => {
    const { diagnostics } = new Project().load(TEXT, { params: { scael: '1', a: '[1', b: '${params.scal}' } })
    const ofCommandLine = diagnostics.filter(({ file }) => file === 'command line')
    expect(ofCommandLine.map(({ code, suggestion }) => [code, suggestion])).toEqual([
      ['unknown-param', 'scale'],
      ['yaml-syntax', undefined],
      ['unknown-reference', '${params.scale}'],
    ])
  })

  test('a wrong value names the param, and where it is used', () => {
    const { diagnostics } = new Project().load(TEXT, { params: { a: '[1]' } })
    expect(told(diagnostics)).toEqual([
      '4:37 wrong-type `run` must be a text, but is a list (from `${params.a}`, given with -p)',
    ])
  })
})
