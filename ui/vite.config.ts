import react from "@vitejs/plugin-react";
import type { ProxyOptions } from "vite";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` and `npm run preview` find the server: `diptych serve DIR --listen 127.0.0.1:7070`. */
const server = process.env.DIPTYCH_URL ?? "http://127.0.0.1:7070";

const proxy: Record<string, ProxyOptions> = {
  "/api": {
    target: server,
    changeOrigin: true,
    configure: (proxied) => proxied.on("proxyReq", (request) => request.removeHeader("origin")),
  },
};

export default defineConfig({
  plugins: [react()],
  build: { target: "es2022", sourcemap: false, modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  server: { proxy },
  preview: { proxy },
  test: { include: ["src/**/*.test.ts"] },
});
