/**
 * Texts below headings, by heading in the order given; case does not count. A section ends at the next heading. A
 * heading may come several times; what stands before the first is no section.
 */
export function readSections(text: string, headings: readonly string[]): Map<string, string[]> {
  const said = text.toWellFormed()
  const lower = said.toLowerCase()
  const starts: { heading: string; at: number; from: number }[] = []
  // Of two headings at one place, the longer one was meant.
  const longest = [...headings].sort((a, b) => b.length - a.length)
  for (let at = 0; at < said.length; ) {
    const heading = longest.find((one) => lower.startsWith(one.toLowerCase(), at))
    if (heading === undefined) at++
    else {
      starts.push({ heading, at, from: at + heading.length })
      at += heading.length
    }
  }
  const sections = new Map<string, string[]>(headings.map((heading) => [heading, []]))
  for (const [i, { heading, from }] of starts.entries())
    sections.get(heading)!.push(said.slice(from, starts[i + 1]?.at ?? said.length))
  return sections
}
