# The images of the onnxruntime targets, each for the processor of its device. From the repository's root:
#
#   docker buildx bake -f docker/docker-bake.hcl               all of them
#   docker buildx bake -f docker/docker-bake.hcl cpu-server    one

group "default" {
  targets = ["cpu-server", "cpu-server-vnni", "arm-server", "raspberry-pi-4", "raspberry-pi-5"]
}

target "_onnxruntime" {
  context    = "."
  dockerfile = "docker/onnxruntime.Dockerfile"
}

target "cpu-server" {
  inherits  = ["_onnxruntime"]
  args      = { TARGET = "cpu-server" }
  tags      = ["mcompile:cpu-server"]
  platforms = ["linux/amd64"]
}

target "cpu-server-vnni" {
  inherits  = ["_onnxruntime"]
  args      = { TARGET = "cpu-server-vnni" }
  tags      = ["mcompile:cpu-server-vnni"]
  platforms = ["linux/amd64"]
}

target "arm-server" {
  inherits  = ["_onnxruntime"]
  args      = { TARGET = "arm-server" }
  tags      = ["mcompile:arm-server"]
  platforms = ["linux/arm64"]
}

target "raspberry-pi-4" {
  inherits  = ["_onnxruntime"]
  args      = { TARGET = "raspberry-pi-4" }
  tags      = ["mcompile:raspberry-pi-4"]
  platforms = ["linux/arm64"]
}

target "raspberry-pi-5" {
  inherits  = ["_onnxruntime"]
  args      = { TARGET = "raspberry-pi-5" }
  tags      = ["mcompile:raspberry-pi-5"]
  platforms = ["linux/arm64"]
}
