declare global {
  namespace App {
    interface Error {
      /** Ties what a person sees to what the browser's console says. */
      id?: string
    }
  }
}

export {}
