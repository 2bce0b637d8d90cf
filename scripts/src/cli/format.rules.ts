/** A number nobody has. */
const none = '–'

type Maybe = number | null | undefined

/** 0.9991 → `99.91 %`. Never rounds up to a full 100 %: a budget that was touched shows it. @param ratio - 0 to 1, or less */
export function percent(ratio: Maybe, digits = 2): string {
  if (ratio === null || ratio === undefined) return none
  const scale = 10 ** digits
  const floored = Math.floor(ratio * 100 * scale + 1e-9) / scale
  return `${Number(floored.toFixed(digits))} %`
}

/** 12.34 → `12.3/s` */
export const perSecond = (ratePerS: Maybe): string => (present(ratePerS) ? `${significant(ratePerS)}/s` : none)

/** 14.4 → `14.4×` */
export const times = (rate: Maybe): string => (present(rate) ? `${significant(rate)}×` : none)

/** 183.4 → `183 ms`, 1900 → `1.9 s`. @param ms - milliseconds */
export function milliseconds(ms: Maybe): string {
  if (!present(ms)) return none
  return ms < 1_000 ? `${significant(ms)} ms` : `${significant(ms / 1_000)} s`
}

/** 75 → `1 min 15 s`, for waiting times. @param seconds - 0 or more */
export function wait(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** 1_500_000 → `1.5 MB`; powers of 1000. */
export function bytes(sizeBytes: Maybe): string {
  if (!present(sizeBytes)) return none
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, sizeBytes)) / 3)))
  return `${significant(sizeBytes / 1_000 ** power)} ${units[power]}`
}

/** 1234567 → `1,234,567` */
export const count = (value: Maybe): string => (present(value) ? value.toLocaleString('en-US') : none)

const present = (value: Maybe): value is number => value !== null && value !== undefined && Number.isFinite(value)

/** Three significant digits, never in exponents, whole numbers from 100 on. */
const significant = (value: number): string =>
  Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
