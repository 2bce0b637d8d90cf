import { Ajv, type Options } from 'ajv'
import addFormats from 'ajv-formats'
import fp from 'fastify-plugin'

const options: Options = {
  allErrors: true,
  useDefaults: true,
  removeAdditional: false,
  strict: false,
  addUsedSchema: false
}

/**
 * Checks requests against the contract: every fault is reported, unknown query names and body fields
 * are refused where the contract closes them, and only what comes as text (path, query, headers) is
 * turned into numbers and booleans. Replies are checked by the compiler and in tests, and written by
 * JSON.stringify: the serializer that Fastify would make of the schema takes twice as long for ours,
 * because it asks Ajv for every value that may be null.
 */
export const validationPlugin = fp(
  async (app) => {
    const ofBody = withFormats(new Ajv(options))
    const ofText = withFormats(new Ajv({ ...options, coerceTypes: 'array' }))
    app.setSerializerCompiler(() => JSON.stringify)
    app.setValidatorCompiler(({ schema, httpPart }) => {
      if (httpPart === 'body') return ofBody.compile(schema as object)
      // a mistyped name would otherwise be ignored silently
      return ofText.compile(
        httpPart === 'querystring' ? { ...(schema as object), additionalProperties: false } : (schema as object)
      )
    })
  },
  { name: 'validation' }
)

const withFormats = (ajv: Ajv): Ajv => {
  addFormats.default(ajv, ['date-time', 'date', 'uri'])
  return ajv
}
