import { statfs } from 'node:fs/promises'

/** Why the ledger's folder could not be written, and what to do, for operators. lmdb itself says no more than "Input/output error". */
export async function diskProblem(directory: string, error: unknown): Promise<string> {
  const cause = await causeOf(error as CommitError)
  const left = await statfs(directory).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  )
  if (left !== undefined && left < fullBelow)
    return `the disk that holds ${directory} is full (${left} bytes left); free some space there, and the ledger goes on by itself`
  return `${directory} cannot be written (${cause}); look for disk errors in the system's log`
}

type CommitError = Error & { readonly commitError?: Promise<unknown> }

/** lmdb tells the cause of a failed commit in a promise of its own, a little later. */
async function causeOf({ message, commitError }: CommitError): Promise<string> {
  if (commitError === undefined) return message
  const told = commitError.then(
    () => message,
    (cause: unknown) => (cause as Error).message,
  )
  return Promise.race([told, new Promise<string>((resolve) => setTimeout(() => resolve(message), patience).unref())])
}

/** Bytes: a commit of a few pages fits into more. */
const fullBelow = 1 << 20
/** Milliseconds. */
const patience = 100
