import { ckr } from './constants.ts'
import type { Handle } from './cryptoki.ts'
import { isOfCode } from './device-error.ts'
import type { AttributeName } from './template.ts'
import type { Token } from './token.ts'

/** The objects that match, each with one attribute. Those that another process destroys while they are looked at are left out. */
export async function presentObjects(
  token: Token,
  wanted: Parameters<Token['find']>[0],
  attribute: AttributeName,
): Promise<{ readonly object: Handle; readonly value: Buffer }[]> {
  const found = await Promise.all(
    (await token.find(wanted)).map(async (object) => {
      try {
        return { object, value: await token.attribute(object, attribute) }
      } catch (error) {
        if (isOfCode(error, ckr.OBJECT_HANDLE_INVALID)) return undefined
        throw error
      }
    }),
  )
  return found.filter((one) => one !== undefined)
}
