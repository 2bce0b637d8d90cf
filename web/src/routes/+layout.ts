import '../app.css'

export const ssr = false
