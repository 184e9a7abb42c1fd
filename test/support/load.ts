import { type Client, ConnectionLost } from '../../src/client/index.ts'
import { type KeyLife, live, newLife } from './key-lives.ts'

/** Clients that make, change and destroy keys, each on its own, remembering what they were answered. */
export class Load {
  readonly lives: KeyLife[] = []
  #over = false
  #running: Promise<unknown> = Promise.resolve()
  #rounds = 0

  /** Steps that were answered. */
  get answered(): number {
    return this.lives.reduce((sum, { done }) => sum + done, 0)
  }

  /** Steps whose answer did not come. */
  get inDoubt(): number {
    return this.lives.filter(({ doubt }) => doubt).length
  }

  /** Begins: keys that were left in the middle go on, new ones come. A client whose node is gone ends. */
  start(clients: readonly Client[]): void {
    this.#over = false
    const round = ++this.#rounds
    const unfinished = this.lives.filter(({ done, length, doubt }) => done > 0 && done < length && !doubt)
    this.#running = Promise.all(
      clients.map((client, index) =>
        this.#run(
          client,
          unfinished.filter((_, position) => position % clients.length === index),
          `${round}-${index}`,
        ),
      ),
    )
    // Waited for in `stop`, which tells what failed.
    this.#running.catch(() => undefined)
  }

  /** Ends when every client has its last answer, or has lost its node. @throws Error when one was refused what it should not be. */
  async stop(): Promise<void> {
    this.#over = true
    await this.#running
  }

  async #run(client: Client, unfinished: readonly KeyLife[], prefix: string): Promise<void> {
    try {
      await live(client, this.#keys(unfinished, prefix), () => this.#over)
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error
    }
  }

  *#keys(unfinished: readonly KeyLife[], prefix: string): Iterable<KeyLife> {
    yield* unfinished
    for (let number = 1; ; number++) {
      const life = newLife(`load-${prefix}-${number}`)
      this.lives.push(life)
      yield life
    }
  }
}
