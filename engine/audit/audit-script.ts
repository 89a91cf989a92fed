/**
 * The script of the page for judging. Texts of others become text nodes and nothing else. What is said is shown at once and
 * sent in the order in which it was said; what could not be saved is taken back, and the page says so.
 */
export const AUDIT_SCRIPT = `
'use strict'
{
  const token = new URLSearchParams(location.search).get('token') || ''
  const at = (id) => document.getElementById(id)
  const grades = at('main').dataset.form === 'grade'
  const choices = [...document.querySelectorAll('.choice')]
  let items = []
  let current = 0
  let sending = Promise.resolve()

  const ask = (path, body) => fetch(path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: 'Bearer ' + token, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body), keepalive: true }),
  }).then((response) => {
    if (!response.ok) throw new Error(String(response.status))
    return response.json()
  })

  const element = (name, text, more) => {
    const made = document.createElement(name)
    if (text !== undefined) made.textContent = text
    return Object.assign(made, more)
  }

  const words = (text) => text.split(/([\\p{L}\\p{M}\\p{N}]+)/u)
  const plain = (word) => word.normalize('NFKC').toLowerCase()
  const fill = (into, text, wanted, make) => {
    const parts = []
    let run = ''
    for (const [i, part] of words(text).entries()) {
      if (i % 2 === 0 || !wanted.has(plain(part))) { run += part; continue }
      if (run !== '') parts.push(document.createTextNode(run))
      run = ''
      parts.push(make(part))
    }
    parts.push(document.createTextNode(run))
    into.replaceChildren(...parts)
  }

  const saidWords = (said) => said === null ? 'not yet' : said.length === 0 ? 'none of these'
    : said.map((value) => choices.find((one) => one.dataset.value === value).querySelector('span').textContent).join(', ')

  const fact = (name, ...value) => {
    const shown = element('dd')
    shown.append(...value)
    return [element('dt', name), shown]
  }

  const facts = ({ signals, grades: found, said }) => {
    const all = []
    if (signals) {
      const percent = Math.round(signals.copied * 100) + ' %'
      all.push(...fact('Copied from the passage', percent))
      all.push(...fact('Words not in the passage', signals.absent.length === 0 ? 'none' : signals.absent.join(', ')))
      const rank = signals.searched === 0 ? 'too many passages to search' : signals.rank === null
        ? 'not among the first ' + signals.searched_to + ' of ' + signals.searched.toLocaleString('en')
        : signals.rank + ' of ' + signals.searched.toLocaleString('en')
      all.push(...fact('Rank of the passage by BM25', rank))
      all.push(...fact('Written more often', signals.duplicates === 0 ? 'no' : signals.duplicates + ' more'))
    }
    for (const { judge, grade } of found)
      all.push(...fact('Grade of ' + judge, said === null ? 'shown once you have judged' : String(grade)))
    if (all.length === 0) all.push(...fact('No model has judged this pair', ''))
    at('facts').replaceChildren(...all)
  }

  const progress = () => {
    const judged = items.filter(({ said }) => said !== null).length
    at('progress').textContent = judged === items.length ? 'All ' + judged + ' judged' : judged + ' of ' + items.length + ' judged'
    at('bar').value = judged
  }

  const buttons = () => {
    const { said } = items[current]
    for (const button of choices) button.setAttribute('aria-pressed', String(said !== null && said.includes(button.dataset.value)))
    const none = at('none')
    if (none) none.setAttribute('aria-pressed', String(said !== null && said.length === 0))
  }

  const row = (i) => {
    const cell = element('td')
    cell.append(element('button', items[i].query, { type: 'button', onclick: () => show(i, true) }))
    const made = element('tr')
    made.append(cell, element('td', saidWords(items[i].said)))
    return made
  }
  const refresh = (i) => {
    const old = at('rows').children[i]
    if (!old) return
    old.lastChild.textContent = saidWords(items[i].said)
  }

  const show = (i, focus) => {
    at('rows').children[current]?.removeAttribute('aria-current')
    current = i
    const item = items[i]
    at('rows').children[i]?.setAttribute('aria-current', 'true')
    history.replaceState(null, '', '#' + (i + 1))
    const same = grades ? ({ query }) => query === item.query : ({ title, text }) => title === item.title && text === item.text
    const group = items.filter(same)
    const among = group.length < 2 ? '' : grades
      ? ', passage ' + (group.indexOf(item) + 1) + ' of ' + group.length + ' for this query'
      : ', query ' + (group.indexOf(item) + 1) + ' of ' + group.length + ' for this passage'
    at('place').textContent = 'Pair ' + (i + 1) + ' of ' + items.length + among
    const absent = new Set(item.signals ? item.signals.absent : [])
    fill(at('query'), item.query, absent, (word) => element('span', word, { className: 'missing', title: 'The passage does not have this word.' }))
    const asked = new Set(words(item.query).filter((word, n) => n % 2 === 1 && word.length > 2).map(plain))
    for (const word of ['the', 'and', 'are', 'was', 'were', 'has', 'have', 'for', 'with', 'that', 'this', 'what', 'which', 'who', 'how', 'why', 'when', 'where', 'does', 'did', 'can', 'from', 'into', 'its', 'not']) asked.delete(word)
    at('passage-title').textContent = item.title
    at('passage-title').hidden = item.title === ''
    fill(at('passage-text'), item.text, asked, (word) => element('mark', word))
    facts(item)
    buttons()
    progress()
    at('previous').disabled = i === 0
    at('next').disabled = i === items.length - 1
    if (focus) {
      at('query').focus({ preventScroll: true })
      scrollTo({ top: 0 })
    }
  }

  const move = (by) => {
    const to = current + by
    if (to >= 0 && to < items.length) show(to, true)
  }
  const nextOpen = () => {
    for (let n = 1; n <= items.length; n++) {
      const i = (current + n) % items.length
      if (items[i].said === null) return show(i, true)
    }
  }

  const alarm = (text) => {
    at('alert').textContent = text
    at('alert').hidden = text === ''
  }

  const say = (said) => {
    const i = current
    const item = items[i]
    const before = item.said
    item.said = said
    refresh(i)
    if (i === current) { facts(item); buttons(); progress() }
    sending = sending.then(() => ask('/api/label', { pair: item.pair, said })).then(() => alarm(''), () => {
      item.said = before
      refresh(i)
      if (i === current) { facts(item); buttons() }
      progress()
      alarm('This could not be saved: the program that serves this page has ended, or can not write. Everything before is kept; start it again to go on.')
    })
  }

  const choose = ({ value, contrary }) => {
    const said = items[current].said || []
    if (grades) {
      say([value])
      if (current < items.length - 1) move(1)
      return
    }
    const others = said.filter((one) => one !== value && one !== contrary)
    say(said.includes(value) ? others : [...others, value])
  }

  const none = () => say([])
  for (const button of choices) button.addEventListener('click', () => choose(button.dataset))
  if (at('none')) at('none').addEventListener('click', none)
  at('previous').addEventListener('click', () => move(-1))
  at('next').addEventListener('click', () => move(1))
  at('list').addEventListener('toggle', () => {
    if (at('list').open) {
      at('rows').replaceChildren(...items.map((_, i) => row(i)))
      at('rows').children[current].setAttribute('aria-current', 'true')
    } else at('rows').replaceChildren()
  })

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || items.length === 0) return
    const choice = choices.find((one) => one.dataset.key === event.key)
    const within = event.target instanceof Element && event.target.closest('button, summary, a')
    const done = choice ? () => choose(choice.dataset)
      : event.key === '0' && at('none') ? none
      : event.key === 'Backspace' && grades ? () => say(null)
      : event.key === 'ArrowRight' || (event.key === 'Enter' && !within) ? () => move(1)
      : event.key === 'ArrowLeft' ? () => move(-1)
      : event.key === 'u' ? nextOpen
      : undefined
    if (!done) return
    event.preventDefault()
    if (!event.repeat || event.key.startsWith('Arrow')) done()
  })

  ask('/api/items').then((found) => {
    items = found
    const open = items.findIndex(({ said }) => said === null)
    const asked = Number(location.hash.slice(1)) - 1
    show(items[asked] ? asked : Math.max(0, open), false)
  }, () => alarm('The program that serves this page has ended, or this address is not whole. Start it again.'))
}
`
