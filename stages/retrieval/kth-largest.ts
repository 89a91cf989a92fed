/** The k-th largest of at least k numbers, none of them NaN, in expected linear time (Hoare, 1961). Their order is lost. */
export function kthLargest(numbers: Float32Array, k: number): number {
  const wanted = k - 1
  let from = 0
  let to = numbers.length - 1
  while (from < to) {
    const pivot = numbers[(from + to) >>> 1]!
    let left = from
    let right = to
    while (left <= right) {
      while (numbers[left]! > pivot) left++
      while (numbers[right]! < pivot) right--
      if (left > right) break
      const larger = numbers[right]!
      numbers[right--] = numbers[left]!
      numbers[left++] = larger
    }
    if (wanted <= right) to = right
    else if (wanted >= left) from = left
    else break
  }
  return numbers[wanted]!
}
