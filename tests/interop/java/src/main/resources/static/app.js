document.title = "app.js of the Java application";
