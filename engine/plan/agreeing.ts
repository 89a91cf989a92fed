import type { Projection, Variant, Variants } from './variants.ts'

/**
 * Gives, for a variant of `of`, the variants of `among` that have the same values on the axes that both depend on,
 * ordered by axis: what `after` waits for, and what a list over variants holds.
 */
export function variantsAgreeing(
  among: Projection,
  of: Projection,
  variants: Variants,
): (variant: Variant) => readonly Variant[] {
  const shared = variants.over(of.axes.filter((axis) => among.axes.includes(axis)))
  const groups = new Map<Variant, Variant[]>()
  for (const variant of among.variants) {
    const key = variants.project(variant, shared)
    const group = groups.get(key)
    if (group) group.push(variant)
    else groups.set(key, [variant])
  }
  return (variant) => groups.get(variants.project(variant, shared)) ?? []
}
