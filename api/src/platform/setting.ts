import { Type } from 'typebox'

/** A setting that is a whole number of some unit. */
export const wholeNumber = (
  unit: string,
  description: string,
  limits: { default: number; minimum: number; maximum: number }
) => Type.Integer({ ...limits, description, unit })

/** A setting that is text; a `secret` one is never shown. */
export const text = (
  description: string,
  options: { default?: string; pattern?: string; secret?: true; allowed?: string } = {}
) => Type.String({ default: '', ...options, description })
