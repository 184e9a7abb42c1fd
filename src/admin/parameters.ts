import { z } from 'zod'

/** A call whose parameters are wrong: the caller's mistake, told as a sentence. */
export class BadCall extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'BadCall'
  }
}

/** @throws BadCall naming the parameter and what it must be */
export function checked<T extends z.ZodType>(schema: T, parameters: unknown): z.output<T> {
  const parsed = schema.safeParse(parameters)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue === undefined || issue.path.length === 0 ? 'the call' : issue.path.join('.')
  throw new BadCall(`${where}: ${issue === undefined ? 'is not understood' : said(issue)}`)
}

/** Numbers out of their bounds in words of Tresor's own. */
function said(issue: z.core.$ZodIssue): string {
  if (issue.code === 'too_big' && issue.origin !== 'string') return `${issue.maximum} at most`
  return issue.code === 'too_small' && issue.origin !== 'string' ? `${issue.minimum} at least` : issue.message
}

/** Text that is not empty and not endless. */
export const text = z.string().min(1).max(1024)

/** PEM of a key, a request or a chain. */
export const pem = z
  .string()
  .max(256 * 1024)
  .startsWith('-----BEGIN ')
