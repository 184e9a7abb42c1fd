/** Seconds that every year from 1 to 9999 has, as ISO 8601 writes it with four digits. */
const firstSecond = -62_135_596_800n
const lastSecond = 253_402_300_799n

const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?(Z|[+-]\d\d:\d\d)?$/

/** `2001-01-01T00:00:00+00:00`, or undefined for a year that four digits cannot write. */
export function dateTimeText(seconds: bigint): string | undefined {
  if (seconds < firstSecond || seconds > lastSecond) return undefined
  return `${clock(seconds)}+00:00`
}

/** `2001-01-01T00:00:00.000001+00:00`, or undefined for a year that four digits cannot write. */
export function dateTimeExtendedText(microseconds: bigint): string | undefined {
  const fraction = ((microseconds % million) + million) % million
  const seconds = (microseconds - fraction) / million
  if (seconds < firstSecond || seconds > lastSecond) return undefined
  return `${clock(seconds)}.${fraction.toString().padStart(6, '0')}+00:00`
}

/**
 * The microseconds since 1970 of an ISO 8601 date and time; finer fractions are cut off, and a time without a zone is UTC.
 * Undefined when it is none.
 */
export function microsecondsOf(text: string): bigint | undefined {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  const known = year > 0 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60
  if (!known) return undefined
  const offset = zoneSeconds(match[8])
  if (offset === undefined) return undefined
  const seconds = date.getTime() / 1000 + hour * 3600 + minute * 60 + second - offset
  return BigInt(seconds) * million + BigInt((match[7] ?? '').slice(0, 6).padEnd(6, '0'))
}

const million = 1_000_000n

function clock(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
}

function zoneSeconds(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === 'Z') return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(4))
  if (hours > 14 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60)
}
