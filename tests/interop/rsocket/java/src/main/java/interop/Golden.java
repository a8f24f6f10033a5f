package interop;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.rsocket.frame.ExtensionFrameCodec;
import io.rsocket.frame.MetadataPushFrameCodec;
import java.nio.charset.StandardCharsets;

/** Prints frames as rsocket-java encodes them: those that rsocket-js cannot encode. */
final class Golden {
  private static final String FROM = "Java rsocket-core 1.1.5";

  public static void main(String[] arguments) {
    print("METADATA_PUSH", MetadataPushFrameCodec.encode(ByteBufAllocator.DEFAULT, bytes("pushed")));
    print("EXT", ExtensionFrameCodec.encode(ByteBufAllocator.DEFAULT, 9, 77, null, bytes("extended")));
  }

  private static ByteBuf bytes(String text) {
    return Unpooled.copiedBuffer(text, StandardCharsets.UTF_8);
  }

  private static void print(String name, ByteBuf frame) {
    System.out.println(name + " | " + FROM + " | " + ByteBufUtil.hexDump(frame));
  }
}
